# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
class=$device_class
open=/usr/libexec/hyperv-uio/selftests/uio/open_close
driver=/sys/bus/vmbus/drivers/uio_hv_generic
logged() { dmesg | grep "$1"; }
# deny: make VMBus unable to send messages to the host; the sender gets an error
deny() { insmod /deny.ko at=vmbus_post_msg; }
denied() { [ "$(cat /sys/module/deny/parameters/denied)" -ge 1 ] && rmmod deny; }

modprobe uio_hv_generic
echo "$class" >$driver/new_id
check "the device is bound" within 10 bound "$class"
id=${device##*/}
size=$(cat "$device"/uio/uio*/maps/map0/size)

check "an open that does not reach the host fails" sh -c "insmod /deny.ko at=vmbus_post_msg && ! $open $class 1"
check "nothing was sent" denied
check "the next one works" $open "$class" 1

exec 5<>/dev/uio0
deny
exec 5>&-
check "a close that does not reach the host" denied
check "the kernel log says so" logged "the host does not close the channel"
say closed
hear looked
check "it does not open, as the host would not answer" sh -c "! $open $class 1 >/tmp/said 2>&1 && cat /tmp/said && grep -q 'Device or resource busy' /tmp/said"
check "the device is unbound" sh -c "echo $id >$driver/unbind"
check "its rings are not given to anybody else" logged "leaking $((size)) bytes of rings that the host did not release"
say unbound
hear offered
check "offered again, it is bound" within 10 bound "$class"
check "and opens" $open "$class" 1
check "nothing is leaked then" sh -c "rmmod uio_hv_generic && test \$(dmesg | grep -c leaking) = 1"
