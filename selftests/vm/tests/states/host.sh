# SPDX-License-Identifier: GPL-2.0-only
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
# with the same relid. A device that returns later gets the lowest free number,
# and that is the number of a second device, which no driver uses.
relid() { vmbus_host "$1" status | sed -n 's/^channel 0 relid \([0-9]*\) offered .*/\1/p'; }
# set_apart: give the second device the lower number, which is $lower, and take
# it back. The device has the number $was then.
set_apart() {
	vmbus_host device rescind wait-released && vmbus_host heartbeat offer wait-offered && vmbus_host device offer wait-offered || return
	lower=$(relid heartbeat) was=$(relid device)
	echo "the number $lower is free, the device has $was"
	vmbus_host heartbeat rescind wait-released && [ "${lower:-9999}" -lt "${was:-0}" ]
}
at_release() {
	vmbus_host heartbeat rescind wait-released && set_apart || return
	held=0
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
		[ $held -lt 6 ] || break
		"$bin/vmbus-host" -v -t "$timeout" device.sock rescind offer "print accepted" wait-released wait-offered >moment.out 2>&1 || return
		if sed '/^accepted/q' moment.out | grep -q '^event released'; then
			echo "the guest was faster than the offer"
			set_apart || return
			continue
		fi
		now=$(relid device)
		if [ "$now" != "$was" ]; then
			echo "relid '$was' became '$now'"
			return 1
		fi
		held=$((held + 1))
	done
	[ $held = 6 ]
}
# The guest opens and closes it all the time.
guest_says reopen || exit 1
reopened() {
	for pause in 0 3 17 1 40 7 29 2 11 5 0 23 13 4 19 31; do
		again "sleep $pause" || return
	done
}
check "offered again 16 times while it was opened and closed" reopened
check "offered again six times at the moment of its release, with the same relid, although a lower one is free" at_release
tell "end"
