# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
centiseconds() {
	read -r now rest </proc/uptime
	echo "${now%.*}${now#*.}"
}
# measure: write the longest time between two ticks of the guest to the file
# longest, in hundredths of a second
measure() {
	longest=0 seen=0
	until [ -e measured ] || ! guest_runs; do
		ticks=$(grep -c '^say tick' ctl.log)
		moment=$(centiseconds)
		if [ "$ticks" != "$seen" ]; then
			[ "$seen" = 0 ] || [ $((moment - last)) -le $longest ] || longest=$((moment - last))
			seen=$ticks last=$moment
		fi
		sleep 0.05
	done
	echo $longest >longest
}

guest_says looping || exit 1
rm -f measured
measure &
measuring=$!
# The guest's sessions may end at any time. The test needs some sessions with
# sub-channels, which the guest counts, and enough needless signals, which the
# host counts. The host finds at most one such signal at each look, and on a
# busy machine it looks rarely.
end=$(($(date +%s) + 60))
until grep -q "stands still after" qemu.log || [ "$(date +%s)" -ge $end ] || ! guest_runs; do
	vmbus_host device "timeout 2" wait-open "offer-sub 2" wait-close wait-open "offer-sub 2" wait-close wait-open "offer-sub 2" wait-close
done
: >measured
wait $measuring
tell messages

said=$(guest_says 'messages') || exit 1
# Send most packets in bursts that fill the ring, and the others a few at a
# time, so that both sides fall asleep again and again.
burst=$((${said#messages } * 18 / 100))
few=$((${said#messages } / 100 / 20))
check "the guest opens it" vmbus_host device wait-open
for size in 0 16 64 200 1000; do
	check "$burst messages of $size bytes come back, none lost, none doubled" vmbus_host device "send $size $burst" "echo $burst xid"
done
set --
for _ in $(seq $few); do
	set -- "$@" "send 24 200" "echo 200 xid"
	for _ in 1 2 3 4 5 6 7 8 9 10; do set -- "$@" "send 40 1" "echo 1 xid"; done
done
check "and few at a time" vmbus_host device "$@"
vmbus_host device "send-hex 7175697400000000" wait-close
# A real host suspends a guest that signals without need, each time for two
# seconds.
check "the host has let the guest stand still" grep -q "stands still after" qemu.log
check "which has lasted two seconds: nothing came from the guest for $(cat longest)0 ms" test "$(cat longest)" -ge 190
