# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
bind_class "$class" "$nic_class" "$fcopy_class"
device=$(vmbus_device "$class")
nic=$(vmbus_device "$nic_class")
fcopy=$(vmbus_device "$fcopy_class")
nic_node=/dev/$(ls "$nic/uio")
fcopyd_again 2>/tmp/fcopyd.log &
daemon=$!
check "hv-fcopyd waits" within 20 grep -q "waiting for Copy-VMFile" /tmp/fcopyd.log

echo shutdown >/sys/power/disk
hibernate() { echo disk >/sys/power/state; }
# ended REASON: whether the program has ended at the host's request, or because
# the device was lost
ended() { grep "^end $1" /tmp/echo.log; }
state_is() { cat "$1/uio_hv_generic/state" && [ "$(cat "$1/uio_hv_generic/state")" = "$2" ]; }
copying() { tail -n 1 /tmp/fcopyd.log | grep -q ': receiving '; }
# folders_fit: whether every device has exactly one channel, whose directory has
# the number of the channel
folders_fit() {
	local each
	for each in $device $nic $fcopy; do
		echo "${each##*/}: $(cat "$each/id"), folders" "$each"/channels/*
		[ "$(echo "$each"/channels/*)" = "$each/channels/$(cat "$each/id")" ] || return 1
	done
}
numbers() { cat "$device/id" "$nic/id" "$fcopy/id" | tr '\n' ' '; }
changed() {
	local old left="$after"
	for old in $before; do
		[ "$old" != "${left%% *}" ] || return 1
		left=${left#* }
	done
}
opens() { timeout 20 "$programs/open_close" "$1" 1 >/tmp/open.log 2>&1; }
refused() { ! opens "$1" && cat /tmp/open.log && grep -q 'open 0 (errno 19' /tmp/open.log; }

check "each channel has a folder of its number" folders_fit
in_background /tmp/hold.log "$programs/hold_map" "$nic_class" uio
holder=$!
check "a program has mapped the rings of the NIC, which keeps it open" within 20 grep -q ready /tmp/hold.log
dd if="$nic_node" bs=4 of=/dev/null 2>/tmp/read.log &
reader=$!
start_echo "$class"
hear sleep
check "a copy is under way" within 60 copying
before=$(numbers)
primary=$(cat "$device/id")
boot=$(cat /proc/sys/kernel/random/boot_id)
check "open with sub-channels, the machine hibernates and comes back" hibernate
check "its memory is that of before" test "$(cat /proc/sys/kernel/random/boot_id)" = "$boot"
after=$(numbers)
check "each device has another number: ${before}are now $after" changed
check "and so has its folder" folders_fit
wait $reader
check "a read(2) that waited has failed: $(tail -n 1 /tmp/read.log)" grep -q 'Input/output error' /tmp/read.log
check "what was mapped is lost" state_is "$nic" lost
kill $holder
wait $holder
check "its rings are as they were" test $? = 0
check "until it is unmapped" state_is "$nic" closed
wait "$pid"
check "the program that had the device open heard of it: $(tail -n 1 /tmp/echo.log)" ended "No such device"
exec 5<>"$nic_node"
say awake
dd bs=4 count=1 of=/tmp/event <&5 2>/tmp/read.log
check "read(2) returns a count of events" test "$(stat -c %s /tmp/event)" = 4
hear sub-channels
exec 5>&-
start_echo "$class"
hear opened
is_sub() { ls "$device/channels" && [ "$(cat "$device/channels/$primary/subchannel_id")" -gt 0 ]; }
check "a sub-channel has the number that its primary had" within 10 is_sub
check "with a folder and a ring file for each channel" within 10 rings 3
say "has sub-channels"
wait "$pid"
check "the program ended on its quit command: $(tail -n 1 /tmp/echo.log)" ended quit
check "the sub-channels went with the last close" within 10 rings 1
hear copied
check "hv-fcopyd ended, and opened the device again" test "$(grep -c 'waiting for Copy-VMFile' /tmp/fcopyd.log)" = 2
check "a copy that was under way has left nothing" within 10 \
	sh -c 'test ! -e /tmp/late && test -z "$(ls -A /var/lib/hv-fcopyd)$(find /tmp -name ".hv-fcopyd*")" && grep -q "/tmp/late: lost after .*: the device was lost: the device went away, or the machine was suspended" /tmp/fcopyd.log'
check "a file is there" test "$(stat -c %s /tmp/file)" = 100000

start_echo "$class"
hear "sleep again"
check "it hibernates again, and comes back without two of its devices" hibernate
check "VMBus misses them" sh -c 'dmesg | grep "Some vmbus device is missing\|not present after resume"'
wait "$pid"
check "the program heard of it: $(tail -n 1 /tmp/echo.log)" ended "No such device"
check "opening the device fails at once" refused "$class"
check "the NIC opens" opens "$nic_class"
check "hv-fcopyd waits for its device, and says so" within 10 grep -q "has not offered the device again; waiting" /tmp/fcopyd.log
say missing
hear offered
offered() { [ "$(cat "$device/id")" -ge 0 ]; }
check "the device has a number when the host has offered it" within 10 offered
start_echo "$class"
wait "$pid"
check "the program ended on its quit command: $(tail -n 1 /tmp/echo.log)" ended quit
hear "copied again"
check "hv-fcopyd has opened it" test "$(grep -c 'waiting for Copy-VMFile' /tmp/fcopyd.log)" = 3
check "a file is there again" test "$(stat -c %s /tmp/file2)" = 100000
check "the folders have the numbers of their channels again" folders_fit
stop_fcopyd
check "rmmod takes them away" rmmod uio_hv_generic
