# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2046
modprobe hv_utils
mkdir -p /tmp/in /var/lib

# start ROUND: bind the device that the host has just offered, and start a
# daemon on it
start() {
	bound() {
		device=$(vmbus_device "$fcopy_class") && /usr/lib/udev/vmbus-bind --all 2>/tmp/bind.log &&
			ls "$device"/uio/uio*/maps/map0 >/dev/null 2>&1
	}
	within 20 bound || note "round $1: the device is not bound: $(cat /tmp/bind.log)"
	hv-fcopyd 2>"/tmp/fcopyd.$1" &
	daemon=$!
	say "ready $1"
}

cut_off=0 ended=0 told=0 left=0
for round in 1 2 3 4 5 6; do
	start $round
	hear "burst $round"
	# In every other round, stop the daemon until the device is gone,
	# perhaps in the middle of a packet.
	[ $((round % 2)) = 1 ] || kill -STOP $daemon
	say "burst $round"
	hear "rescinded $round"
	kill -CONT $daemon 2>/dev/null
	wait $daemon
	status=$?
	log=/tmp/fcopyd.$round
	# The worker may still be writing when the device disappears.
	grep -Eq 'broken: lost after [1-9][0-9]* of 100000000 bytes: the device was lost: the device went away, or the machine was suspended; (nothing is left of it|it is removed when the disk answers)$' $log &&
		cut_off=$((cut_off + 1))
	[ $status = 0 ] && ended=$((ended + 1))
	[ "$(grep -c 'ending: the device went away' $log)" = 1 ] && told=$((told + 1))
	left=$((left + $(ls -A /tmp/in | wc -l) + $(ls -A /var/lib/hv-fcopyd | wc -l)))
	note "round $round: exit status $status; $(grep -o 'lost after [0-9]* of [0-9]* bytes' $log)"
	[ $status = 0 ] || while read -r line; do note "  $line"; done <$log
done
check "six copies were cut off in the middle ($cut_off)" test $cut_off = 6
check "hv-fcopyd ended with 0 each time ($ended)" test $ended = 6
check "and said why, once ($told)" test $told = 6
check "nothing is left of them, nor a note ($left)" test $left = 0

start complete
hear copied
check "a copy is complete" test "$(stat -c %s /tmp/in/whole)" = 5000000
say sha $(sha256sum /tmp/in/whole | cut -d' ' -f1)
check "nothing else lies beside it" test "$(ls -A /tmp/in)" = whole

# An administrator unbinds the device while the daemon waits.
echo "${device##*/}" >/sys/bus/vmbus/drivers/uio_hv_generic/unbind
wait $daemon
status=$?
check "an unbind ends hv-fcopyd, too (exit status $status)" test $status = 0
