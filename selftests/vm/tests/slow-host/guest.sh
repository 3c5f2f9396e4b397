# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
state_is() { [ "$(cat "$device/uio_hv_generic/state")" = "$1" ]; }

bind_class "$class" "$fcopy_class"

hear "close slowly"
check "close waits until the device has closed" lasts 280 3000 "$programs/open_close" "$class" 1
check "two sessions, one right after the other" lasts 560 6000 "$programs/open_close" "$class" 2
bound "$class"
"$programs/open_close" "$class" 1 &
pid=$!
nap
# VMBus closes one channel at a time.
# A read that waited for the close would find it closed.
check "the state can be read meanwhile" state_is open
check "another device opens and closes as soon as that is done" lasts 0 500 "$programs/open_close" "$fcopy_class" 5
wait "$pid"
say closing
hear "echo slowly"
"$programs/vmbus_echo" "$class" >/tmp/killed.log 2>&1 &
pid=$!
hear kill
kill -9 $pid
wait "$pid"
start_echo "$class"
wait "$pid"
check "a program that was killed, and the next one at once" echoed
rebind() { echo "${device##*/}" >"$driver/unbind" && echo "${device##*/}" >"$driver/bind" && bound "$class"; }
bound "$class"
"$programs/open_close" "$class" 1 &
pid=$!
nap
check "unbound while the host closes the device, and bound again" rebind
wait "$pid"

hear "daemon"
in_background /tmp/fcopyd.log hv-fcopyd
daemon=$!
for _ in 1 2 3 4; do
	within 10 grep -q "waiting for Copy-VMFile" /tmp/fcopyd.log
	kill -9 $daemon
	wait $daemon
	in_background /tmp/fcopyd.log hv-fcopyd
	daemon=$!
done
check "hv-fcopyd waits after it was killed four times" within 30 grep -q "waiting for Copy-VMFile" /tmp/fcopyd.log
say "daemon waits"
hear copied
check "the file is there" test "$(stat -c %s /tmp/file)" = 100000
stop_fcopyd

hear "open slowly"
start_echo "$class"
wait "$pid"
check "packets that the host sent before it answered the open" echoed

for number in 1 2 3 4 5 6; do
	hear "sleeper $number"
	exec 5<>"/dev/$(ls "$device/uio")"
	say "sleeps $number"
	hear "wake up"
	exec 5<&-
done

fails() { ! "$programs/open_close" "$class" 1; }
hear "hold creations"
check "an open fails when the host takes the device back meanwhile" fails
hear "offered"
check "the device is bound again" within 20 bound "$class"
check "and opens" "$programs/open_close" "$class" 1
say "has opened"
hear "fail creations"
check "an open fails when the host refuses the memory" fails
say "was refused"
hear "create again"
check "the next one succeeds" "$programs/open_close" "$class" 1
say "opened again"
hear "hold teardowns"
start_echo "$class"
wait "$pid"
check "a close ends when the host takes the device back meanwhile" echoed
hear "offered again"
check "the device is bound once more" within 20 bound "$class"

hear "mute"
check "an open fails when the host has never answered it and takes the device back" fails
hear "offered after mute"
check "the device is bound after that" within 20 bound "$class"
hear "answer and rescind"
check "an open fails when the host accepts its memory and takes the device back at once" fails
hear "offered after the answer"
check "the device is bound after that, too" within 20 bound "$class"
check "and opens once more" "$programs/open_close" "$class" 1
say "opened once more"

still_closing() { sleep 2 && ! over $pid; }
number=0
for moment in creation open close; do
	for what in device sub-channel; do
		number=$((number + 1))
		hear "$moment of a sub-channel"
		bound "$class"
		keep_open
		hear held
		if [ $moment = close ]; then
			within 20 rings 2
			close_it
			check "a close waits until the host has released the memory of a sub-channel" still_closing
		else
			check "a sub-channel has no ring before the host has answered its $moment" rings 1
		fi
		say "waits $number"
		hear rescinded
		close_it
		check "the close ends after the rescind of the $what in the $moment of a sub-channel" end_of $pid 20
		hear offered
		check "and the device works" "$programs/open_close" "$class" 1
		say "works $number"
	done
done

hear migrate
start_echo "$class"
wait "$pid"
check "messages while the machine stands still, and signals and interrupts are lost" echoed
