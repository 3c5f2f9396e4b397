# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
bind_class "$class" "$fcopy_class"
# Its rings must have room for a message that is too long for a pipe.
check "the rings of one are larger than the longest message" sh -c "echo 65536 >'$device/uio_hv_generic/ring_size'"

stop_echo() { ! over "$pid" && kill "$pid"; }
# The host's program makes the violations, as it can write to both rings. A
# guest that echoes packets gives it packets to spoil.
for violation in type range transfer length offset flags index mask; do
	start_echo "$class"
	hear $violation
	check "$violation: the program still waits for the host, which is silent" stop_echo
	wait "$pid"
done
start_echo "$class"
hear "none"
wait "$pid"
check "after all of them the device works: $(tail -n 1 /tmp/echo.log)" echoed

for violation in pipe long answer ended; do
	start_echo "$fcopy_class"
	hear $violation
	kill "$pid"
	wait "$pid"
done

# The host pretends to wait for room, so that each write to the device signals
# it. It must count these signals as needless also when it does not read.
bound "$class"
start_echo "$class"
for state in nobody held; do
	hear "signal $state"
	for _ in 1 2 3 4 5 6 7 8 9 10; do printf '\001\000\000\000' >"/dev/$(ls "$device/uio")"; done
	say "signalled $state"
done
wait "$pid"
check "after needless signals the device works: $(tail -n 1 /tmp/echo.log)" echoed
