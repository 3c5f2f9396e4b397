# SPDX-License-Identifier: GPL-2.0-only
centiseconds() {
	read -r now rest </proc/uptime
	echo "${now%.*}${now#*.}"
}
# stands: print how often hyperv has let the guest stand still
stands() { cat hyperv.log hyperv.out 2>/dev/null | grep -c 'stands still after'; }
# measure: look again and again whether the guest's QEMU is stopped. Write to
# the file stops.out how often it was, and the time between the looks before and
# after that see it run, in hundredths of a second.
measure() {
	stops=0 all=0 stopped='' last=$(centiseconds) before=0
	while guest_runs && { [ ! -e measured ] || [ -n "$stopped" ]; }; do
		count=$(stands)
		moment=$(centiseconds)
		case $(cat "/proc/$qemu/stat" 2>/dev/null) in
		*') T '*) stopped=1 ;;
		*)
			# The guest may have run and stopped again between two
			# looks.
			[ -z "$stopped" ] || stops=$((stops + count - before)) all=$((all + moment - last))
			stopped='' last=$moment before=$count
			;;
		esac
		sleep 0.2
	done
	echo "$stops $all" >stops.out
}

guest_says looping || exit 1
rm -f measured
measure &
measuring=$!
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
# A real host suspends a guest that signals without need, each time for two
# seconds.
: >measured
wait $measuring
check "the host has let the guest stand still" test "$(stands)" -gt 0
read -r stops all <stops.out
check "for two seconds each time: it stopped $stops times, for ${all}0 ms in all" test "$stops" -ge 1 -a "$all" -ge $((stops * 190))
