# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# One processor handles the rescinds, and the other one closes the device when
# widen.ko reports that a rescind is held.
class=$device_class
widen=/sys/module/widen/parameters

# closer NODE: open NODE, and close it in the first moment of a rescind
closer() {
	taskset 2 sh -c '
		exec 5<>"$1"
		until grep -qs [1-3] "$2/held"; do usleep 10000; done
		echo 1 >"$2/closing"
		moment=$(cat "$2/held")
		exec 5>&-
		echo "closed in moment $moment" >/tmp/closer
	' closer "$1" $widen
}

taskset -p 1 $$
bind_class "$class"
for round in 1 2 3; do
	rm -f /tmp/closer
	say "open $round"
	closer "/dev/$(ls "$device/uio")" &
	pid=$!
	check "the sub-channel is open, round $round" within 30 rings 2
	insmod /widen.ko
	say "ready $round"
	hear "offered $round"
	wait $pid
	check "the device was closed while its rescind was held, round $round" grep -x 'closed in moment 1' /tmp/closer
	rmmod widen
	check "the device is bound again, round $round" within 20 bound "$class"
done
check "it opens" "$programs/open_close" "$class" 1
