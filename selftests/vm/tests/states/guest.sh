# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
bind() { modprobe uio_hv_generic && echo "$class" >/sys/bus/vmbus/drivers/uio_hv_generic/new_id; }

check "the device is offered" within 10 vmbus_device "$class"
say unbound before
hear offered
bind
check "the device is bound" within 10 bound "$class"
say closed
hear offered
for state in open read poll mapped sub-channels; do
	mode=$state
	[ $state != sub-channels ] || mode=mapped
	in_background /tmp/rescind.log "$programs/rescind_while" "$class" $mode
	pid=$!
	within 20 grep -q ready /tmp/rescind.log
	say $state
	hear offered
	wait $pid
	check "rescinded while: $state" test $? = 0
	grep failed /tmp/rescind.log | while read -r line; do note "$line"; done
done
check "the device is bound again" within 10 bound "$class"
check "rmmod" rmmod uio_hv_generic
say unbound after
hear offered
bind
check "the module binds the device when it comes back" within 10 bound "$class"
pids=''
n=1
for name in 1 2; do
	"$programs/rescind_while" "$class" reopen >/tmp/reopen.$name 2>&1 &
	pids="$pids $!"
done
say reopen
hear end
# shellcheck disable=SC2086 # several
kill $pids
for pid in $pids; do
	wait "$pid"
	status=$?
	check "an opener saw no error but the device's absence: $(tail -n 1 /tmp/reopen.$n)" test $status = 0
	n=$((n + 1))
done
check "the device is bound in the end" within 10 bound "$class"
check "and can be opened" "$programs/open_close" "$class" 1
