# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
refused() { ! modprobe uio_hv_generic >/tmp/said 2>&1 && cat /tmp/said && grep -q "Operation not supported" /tmp/said; }
# busybox's modprobe tries twice.
ours() { dmesg | sed -n 's/.*\(uio_hv_generic: .*\)/\1/p' | grep -v taint | sort -u; }

# The emulated VMBus is too old for a confidential VM, so the kernel says that
# the VM is one only after hv_vmbus was loaded.
check "the kernel says that the VM is confidential" insmod /deny.ko deny=1 at=hv_is_isolation_supported error=1
check "the module does not load: Operation not supported" refused
check "it says why, in one line: $(ours)" test "$(ours)" = "uio_hv_generic: confidential VMs are not supported, not loading"
check "nothing of it is left" sh -c '! grep -q uio_hv_generic /proc/modules && test ! -e /sys/bus/vmbus/drivers/uio_hv_generic'
check "once the VM is none, the module loads" sh -c "rmmod deny && modprobe uio_hv_generic"
echo "$class" >/sys/bus/vmbus/drivers/uio_hv_generic/new_id
check "and binds the device" within 10 bound "$class"
check "which opens" "$programs/open_close" "$class" 1
