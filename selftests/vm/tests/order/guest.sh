# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
class=$device_class
first=$device_instance second=$device2_instance
programs=/usr/libexec/hyperv-uio/selftests/uio
folder() { device=/sys/bus/vmbus/devices/$1 && ls "$device"/uio/uio*/maps/map0 >/dev/null 2>&1; }
both() { folder "$first" && folder "$second"; }
relid() { cat "/sys/bus/vmbus/devices/$1/id"; }

modprobe uio_hv_generic
echo "$class" >/sys/bus/vmbus/drivers/uio_hv_generic/new_id
check "both devices are bound" within 10 both
hear begin
# Start another session after each one until the host ends the test.
for instance in $first $second; do
	while [ ! -e /tmp/end ]; do "$programs/vmbus_echo" "$instance" || nap; done >"/tmp/$instance.log" 2>&1 &
done
say looping
while hear "round $((round += 1))"; do
	check "round $round: both are bound again" within 30 both
	say "bound $round"
	[ $round -lt 8 ] || break
done
hear end
touch /tmp/end
say ending
wait
for instance in $first $second; do
	check "no message was bad: $(tail -n 1 "/tmp/$instance.log")" sh -c "! grep '^end' /tmp/$instance.log | grep -v ' bad 0$'"
done
say "relids $(relid "$first") $(relid "$second")"
hear swapped
check "both are bound after they have changed their numbers" within 30 both
say "relids again $(relid "$first") $(relid "$second")"
one=$(relid "$first") two=$(relid "$second")
opens() { folder "$1" && for _ in 1 2 3; do : <>"/dev/$(ls "$device/uio")" || return; done; }
check "and the first opens" opens "$first"
check "and the second" opens "$second"
folder "$first"
check "the folder of its channel has the new number" test -d "$device/channels/$one"
folder "$second"
check "and that of the other" test -d "$device/channels/$two"
