# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
again() { vmbus_host device "$@" rescind wait-released offer wait-offered; }

# "unbound" comes twice: before the module was loaded, and after it was removed.
for state in "unbound before" closed open read poll mapped sub-channels "unbound after"; do
	guest_says "$state" || exit 1
	case $state in
	closed | unbound*) check "offered again after: $state" again ;;
	sub-channels) check "offered again after: open with sub-channels" again wait-open "offer-sub 2" "channel 2" wait-open "channel 0" ;;
	*) check "offered again after: $state" again wait-open ;;
	esac
	tell offered
done

# The host offers the device again at the moment when the guest releases it,
# with the same relid.
relid() { vmbus_host device status | sed -n 's/^channel 0 relid \([0-9]*\) offered .*/\1/p'; }
at_release() {
	was=$(relid)
	for _ in 1 2 3 4 5 6; do
		vmbus_host device rescind offer "sleep 500" || return
		now=$(relid)
		if [ -z "$was" ] || [ "$now" != "$was" ]; then
			echo "relid '$was' became '$now'"
			return 1
		fi
	done
}
# The guest opens and closes it all the time.
guest_says reopen || exit 1
reopened() {
	for pause in 0 3 17 1 40 7 29 2 11 5 0 23 13 4 19 31; do
		again "sleep $pause" || return
	done
}
check "offered again 16 times while it was opened and closed" reopened
check "offered again six times at the moment of its release, with the same relid" at_release
tell "end"
