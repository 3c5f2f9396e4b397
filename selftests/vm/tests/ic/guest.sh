# SPDX-License-Identifier: GPL-2.0-only
class=57164f39-9115-4e78-ab55-382f3bd5422d
log=/tmp/heartbeat.log
# count NUMBER PATTERN: whether the program has printed so many matching lines
count() { [ "$(grep -c "$2" $log)" = "$1" ]; }

check "the device is offered" within 10 vmbus_device $class
modprobe hv_utils
"$programs/heartbeat" >$log 2>&1 &
pid=$!
check "the program says which driver has the device" within 10 grep -q 'the driver hv_utils has the device' $log
modprobe uio_hv_generic
give_to_uio "$(vmbus_device $class)"
check "it opens the device" within 10 count 1 '^opened /dev/uio'
say served
hear answered
check "five beats" count 5 '^heartbeat '

hear rescinded
check "it reports a rescind" within 10 grep -q 'the device went away' $log
rmmod hv_utils
echo $class >/sys/bus/vmbus/drivers/uio_hv_generic/new_id
say waits
check "it opens the next offer" within 20 count 2 '^opened'
say "offered"
hear "beat 1"

echo platform >/sys/power/pm_test
hear sleep
check "the machine hibernates and comes back" sh -c 'echo disk >/sys/power/state'
check "the program opens the device again" within 20 count 3 '^opened'
say awake
hear "beat 2"
check "no beat was lost" count 7 '^heartbeat '
kill -TERM $pid
wait $pid
check "SIGTERM ends it (exit status $?)" test $? = 0
count 3 '^opened' || while read -r line; do note "$line"; done <$log
