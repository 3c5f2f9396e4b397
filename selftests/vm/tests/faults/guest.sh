# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
class=7d3c5a10-41b2-4f0e-9a6c-0d5b1e2f3a44
programs=/usr/libexec/hyperv-uio/selftests/uio
bound() { device=$(vmbus_device $class) && ls "$device"/uio/uio*/maps/map0 >/dev/null 2>&1; }

modprobe uio_hv_generic
echo $class >/sys/bus/vmbus/drivers/uio_hv_generic/new_id
check "the device is bound" within 10 bound
# fail-nth alone decides; a report of each fault would look like a complaint.
for attribute in /sys/kernel/debug/failslab /sys/kernel/debug/fail_page_alloc; do
	echo 0 >$attribute/verbose
	echo N >$attribute/ignore-gfp-wait
done
echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
check "the kernel injects faults" test -w /proc/self/fail-nth
check "each allocation may fail" "$programs/fault_nth" $class
while read -r line; do note "$line"; done </tmp/check.out
check "rmmod" rmmod uio_hv_generic
