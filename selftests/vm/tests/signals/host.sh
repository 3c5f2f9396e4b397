# SPDX-License-Identifier: GPL-2.0-only
# stands: print how often hyperv has let the guest stand still
stands() { cat hyperv.log hyperv.out 2>/dev/null | grep -c 'stands still after'; }

guest_says looping || exit 1
# The guest's sessions may end at any time. The test needs sessions with
# sub-channels, for which the guest waits, and enough needless signals, for
# which the host waits. So the host offers sub-channels until the guest has
# ended its sessions. At first it pretends to wait for room, in bytes 12 to 15
# of the ring's header, so that each write to the device signals it.
offer() {
	while [ ! -e enough ] && guest_runs; do
		set -- "offer-sub 2" wait-close
		[ "$(stands)" -gt 0 ] || set -- "raw-write rx 12 08000000" "$@"
		vmbus_host device "timeout 2" wait-open "$@"
	done
}
rm -f enough
offer &
offering=$!
until [ "$(stands)" -gt 0 ] || ! guest_runs; do sleep 0.5; done
tell enough
guest_says ended >/dev/null || exit 1
: >enough
wait $offering
tell messages

said=$(guest_says 'messages') || exit 1
# Send most packets in bursts that fill the ring, and the others a few at a
# time, so that both sides fall asleep again and again.
burst=$((${said#messages } * 18 / 100))
few=$((${said#messages } / 100 / 20))
check "the guest opens it" vmbus_host device wait-open
for size in 0 16 64 200 1000; do
	check "$burst messages of $size bytes come back, none lost, none doubled" vmbus_host device "send $size $burst" "echo $burst"
done
set --
for _ in $(seq $few); do
	set -- "$@" "send 24 200" "echo 200"
	for _ in 1 2 3 4 5 6 7 8 9 10; do set -- "$@" "send 40 1" "echo 1"; done
done
check "and few at a time" vmbus_host device "$@"
vmbus_host device "send-hex 7175697400000000" wait-close
# A real host suspends a guest that signals without need.
check "the host has let the guest stand still" test "$(stands)" -gt 0
