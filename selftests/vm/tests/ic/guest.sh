# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
class=57164f39-9115-4e78-ab55-382f3bd5422d
programs=/usr/libexec/hyperv-uio/selftests/uio
driver=/sys/bus/vmbus/drivers/uio_hv_generic
log=/tmp/heartbeat.log
# lines PATTERN: print the number of matching lines of the program; count: there
# are exactly NUMBER; more: there are more than NUMBER
lines() { grep -c "$1" $log; }
count() { [ "$(lines "$2")" = "$1" ]; }
more() { [ "$(lines "$2")" -gt "$1" ]; }
hibernate() { echo disk >/sys/power/state; }

check "the device is offered" within 10 vmbus_device $class
modprobe hv_utils
"$programs/heartbeat" >$log 2>&1 &
pid=$!
check "the program says which driver has the device" within 10 more 0 'the driver hv_utils has the device'
device=$(vmbus_device $class)
echo "${device##*/}" >/sys/bus/vmbus/drivers/hv_utils/unbind
check "and that it has none" within 10 more 0 'no UIO device.*driver: none'
rmmod hv_utils
modprobe uio_hv_generic
echo $class >$driver/new_id
check "it opens the device" within 10 count 1 '^opened /dev/uio'
descriptors() { find /proc/$pid/fd -type l | wc -l; }
before=$(descriptors)
say served
hear answered
check "seven beats" count 7 '^heartbeat '
check "it reports what was no message" count 3 'a packet '
check "the channel stayed" count 1 '^opened'

hear rescinded
check "it reports a rescind" within 10 more 0 'the device went away'
check "and that there is no device" within 10 more 0 'the host offers no device'
say waits
check "it opens the next offer" within 20 count 2 '^opened'
say "offered"
hear "beat 1"

device=$(vmbus_device $class)
unbound=$(lines 'driver: none')
check "unbound" sh -c "echo ${device##*/} >$driver/unbind"
check "it says so" within 10 more "$unbound" 'driver: none'
check "bound" sh -c "echo ${device##*/} >$driver/bind"
check "it opens the device again" within 10 count 3 '^opened'
say bound
hear "beat 2"

echo platform >/sys/power/pm_test
hear "sleep 1"
check "the machine hibernates and comes back" hibernate
check "the program opens the device again" within 20 count 4 '^opened'
say awake
hear "sleep 2"
waited=$(lines 'has not offered the device again')
check "again, and the host does not offer the device" hibernate
check "the program waits for it" within 20 more "$waited" 'has not offered the device again'
say withheld
check "it opens the late offer" within 20 count 5 '^opened'
say late
hear "beat 4"
check "no beat was lost" count 11 '^heartbeat '
check "nor a descriptor left open" test "$(descriptors)" = "$before"
kill -TERM $pid
wait $pid
check "SIGTERM ends it (exit status $?)" test $? = 0
[ "$(grep -c '^opened' $log)" = 5 ] || while read -r line; do note "$line"; done <$log
