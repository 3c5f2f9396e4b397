# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
check "the device is offered" within 10 vmbus_device "$fcopy_class"
device=$(vmbus_device "$fcopy_class")
instance=${device##*/}
driver=/sys/bus/vmbus/drivers/uio_hv_generic
modprobe uio
insmod "$(find /lib/modules/*/kernel -name 'uio_hv_generic.ko')"
echo "$fcopy_class" >$driver/new_id
check "the kernel's own module leaves the device unbound" test ! -e "$device/driver"
check "and says why: vmbus channel requires hypercall" sh -c 'dmesg | grep "vmbus channel requires hypercall"'
rmmod uio_hv_generic
insmod "$(find /lib/modules/*/updates -name 'uio_hv_generic.ko')"
echo "$fcopy_class" >$driver/new_id
check "ours binds the same device" test "$(basename "$(readlink -f "$device/driver")")" = uio_hv_generic
check "and gives it a ring" test -n "$(ls "$device"/uio/uio*/maps/map0/size)"
