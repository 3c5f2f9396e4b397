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

# The guest opens and closes it all the time.
guest_says reopen || exit 1
reopened() {
	for pause in 0 3 17 1 40 7 29 2 11 5 0 23 13 4 19 31; do
		again "sleep $pause" || return
	done
}
check "offered again 16 times while it was opened and closed" reopened
tell "end"
