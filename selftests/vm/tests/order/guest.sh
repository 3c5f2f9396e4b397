# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
first=$device_instance second=$device2_instance
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
# refused: print how many opens of the first device have failed with EBUSY
refused() { grep -c '(errno 16)$' "/tmp/$first.log"; }
before=0
while hear "round $((round += 1))"; do
	check "round $round: both are bound again" within 30 both
	# The first rescind of a sub-channel comes with the close of its
	# session. An open that comes before the last one waits for it, and
	# fails with EBUSY after a second.
	busy=$(refused)
	[ $round -le 4 ] || check "round $round: opens between two rescinds of sub-channels: $((busy - before)) were refused" test "$busy" -gt "$before"
	before=$busy
	say "bound $round"
	[ $round -lt 8 ] || break
done
# unbound: unbind the first device and bind it again five times, each time when
# a session has it open
unbound() {
	for _ in 1 2 3 4 5; do
		within 20 is_open && echo "$first" >"$driver/unbind" && nap && echo "$first" >"$driver/bind" || return
	done
	within 20 is_open
}
is_open() { [ "$(cat "/sys/bus/vmbus/devices/$first/uio_hv_generic/state")" = open ]; }
hear unbind
check "the first is unbound and bound five times" unbound
say unbound
hear end
touch /tmp/end
say ending
wait
# all_good LOG: whether sessions have ended, and all of them without a bad
# message
all_good() { grep '^end' "$1" && ! grep '^end' "$1" | grep -v ' bad 0$'; }
for instance in $first $second; do
	check "no message was bad: $(tail -n 1 "/tmp/$instance.log")" all_good "/tmp/$instance.log"
done
# ENXIO (6): no driver has the device yet. EBUSY (16): the host has not taken
# back a sub-channel. ENODEV (19): the device is not there.
errors() { cat "/tmp/$first.log" "/tmp/$second.log" | sed -n 's/^vmbus_echo: .*(errno \([0-9]*\))$/\1/p'; }
note "failed opens: $(errors | sort -n | uniq -c | awk '{ print $1 " with errno " $2 }' | tr '\n' ';')"
only_these() { ! errors | grep -vx '6\|16\|19' && ! grep '^vmbus_echo:' "/tmp/$first.log" "/tmp/$second.log" | grep -v '(errno [0-9]*)$'; }
check "the opens that failed had one of these errors: ENXIO, EBUSY, ENODEV" only_these
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
