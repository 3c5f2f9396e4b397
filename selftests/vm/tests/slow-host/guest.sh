# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
class=$device_class
programs=/usr/libexec/hyperv-uio/selftests/uio
driver=/sys/bus/vmbus/drivers/uio_hv_generic
both_bound() { bound "$class" && bound "$fcopy_class"; }
centiseconds() { awk '{ print int($1 * 100) }' /proc/uptime; }
# lasts MIN MAX COMMAND...: check that the command succeeds and takes MIN to MAX
# centiseconds
lasts() {
	local min="$1" max="$2" start
	shift 2
	start=$(centiseconds)
	"$@" || return
	start=$(($(centiseconds) - start))
	echo "$start"
	[ "$start" -ge "$min" ] && [ "$start" -le "$max" ]
}
echoes() { "$programs/vmbus_echo" "$class" >/tmp/echo.log 2>&1; }
echoed() { tail -n 1 /tmp/echo.log && grep -q '^end quit .* bad 0$' /tmp/echo.log; }
state_is() { [ "$(cat "$device/uio_hv_generic/state")" = "$1" ]; }

modprobe uio_hv_generic
for id in $class "$fcopy_class"; do echo "$id" >$driver/new_id; done
check "both devices are bound" within 10 both_bound

hear "close slowly"
check "close waits until the device has closed" lasts 280 3000 "$programs/open_close" "$class" 1
check "two sessions, one right after the other" lasts 560 6000 "$programs/open_close" "$class" 2
bound "$class"
"$programs/open_close" "$class" 1 &
pid=$!
nap
# VMBus closes one channel at a time.
check "the state can be read meanwhile" lasts 0 100 state_is open
check "another device opens and closes as soon as that is done" lasts 0 500 "$programs/open_close" "$fcopy_class" 5
wait $pid
say closing
hear "echo slowly"
"$programs/vmbus_echo" "$class" >/tmp/killed.log 2>&1 &
pid=$!
hear kill
kill -9 $pid
wait $pid
echoes &
pid=$!
wait $pid
check "a program that was killed, and the next one at once" echoed
rebind() { echo "${device##*/}" >$driver/unbind && echo "${device##*/}" >$driver/bind && bound "$class"; }
bound "$class"
"$programs/open_close" "$class" 1 &
pid=$!
nap
check "unbound while the host closes the device, and bound again" rebind
wait $pid

hear "daemon"
hv-fcopyd --foreground 2>/tmp/fcopyd.log &
daemon=$!
for _ in 1 2 3 4; do
	within 10 sh -c 'hv-fcopyd --status | grep -q "^state=waiting"'
	kill -9 $daemon
	wait $daemon
	hv-fcopyd --foreground 2>/tmp/fcopyd.log &
	daemon=$!
done
check "hv-fcopyd waits after it was killed four times" within 30 sh -c 'hv-fcopyd --status | grep -q "^state=waiting"'
say "daemon waits"
hear copied
check "the file is there" test "$(stat -c %s /tmp/file)" = 100000
kill $daemon
wait $daemon
check "hv-fcopyd ends on SIGTERM (exit status $?)" test $? = 0

hear "open slowly"
echoes &
pid=$!
wait $pid
check "packets that the host sent before it answered the open" echoed

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
echoes &
pid=$!
wait $pid
check "a close ends when the host takes the device back meanwhile" echoed
hear "offered again"
check "the device is bound once more" within 20 bound "$class"

hear "mute"
check "an open fails when the host has never answered it and takes the device back" fails
hear "offered after mute"
check "the device is bound after that" within 20 bound "$class"
hear "answer and rescind"
"$programs/open_close" "$class" 1 >/tmp/open.log 2>&1
note "an open whose memory the host accepts just before it takes the device back: exit status $?"
hear "offered after the answer"
check "the device is bound after that, too" within 20 bound "$class"
check "and opens once more" "$programs/open_close" "$class" 1
say "opened once more"

hear migrate
echoes &
pid=$!
wait $pid
check "messages while the machine stands still, and signals and interrupts are lost" echoed

hear unload
echo platform >/sys/power/pm_test
check "the machine hibernates although UNLOAD takes 50 s" lasts 4800 15000 sh -c 'echo disk >/sys/power/state'
check "and the device works afterwards" within 20 "$programs/open_close" "$class" 1
say awake
