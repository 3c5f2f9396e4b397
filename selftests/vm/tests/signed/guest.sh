# SPDX-License-Identifier: GPL-2.0-only
# Use the path, because the shell of busybox would otherwise run its own
# modprobe.
modprobe=/sbin/modprobe
module=/sys/module/uio_hv_generic
# The kernel log has one line for each time that the kernel's own module was
# loaded instead of the project's module.
lines() { [ "$(dmesg | grep -c 'uio_hv_generic: the module of hyperv-uio is refused (Key was rejected by service), so the kernel.s own is loaded')" = "$1" ]; }
own() { [ -e $module ] && case $(cat $module/version) in 1:*) false ;; esac }
# ours_is_refused REASON: whether the kernel refuses the module of the project,
# and says this in its log
ours_is_refused() {
	! $modprobe --ignore-install uio_hv_generic 2>/tmp/said && grep 'Key was rejected by service' /tmp/said &&
		dmesg | tail -n 5 | grep "Loading of $1 is rejected"
}

check "both devices are offered" within 10 sh -c 'test "$(ls /sys/bus/vmbus/devices | wc -l)" = 2'
fcopy=$(vmbus_device "$fcopy_class")
nic=$(vmbus_device "$nic_class")
check "the kernel enforces signatures" grep -q Y /sys/module/module/parameters/sig_enforce
check "and refuses our module, which has no signature" ours_is_refused "unsigned module"
check "modprobe says nothing, and succeeds" sh -c '/sbin/modprobe uio_hv_generic >/tmp/said 2>&1 && ! test -s /tmp/said'
check "it has loaded the kernel's own module" own
check "as the kernel log says" lines 1
give_to_uio "$nic"
check "which takes a NIC" within 10 bound "$nic_class"
echo >"$nic/driver_override"
echo "${nic##*/}" >/sys/bus/vmbus/drivers/uio_hv_generic/unbind
rmmod uio_hv_generic

# dkms signs the module with a key that the kernel does not know until somebody
# enrols it.
cp /test/signed.ko /lib/modules/*/updates/dkms/uio_hv_generic.ko
check "our module is signed now, as dkms signs it" sh -c 'tail -c 28 /lib/modules/*/updates/dkms/uio_hv_generic.ko | grep "Module signature appended"'
check "the kernel refuses it: nobody has enrolled the key" ours_is_refused "module with unavailable key"
$modprobe hv_utils
# Before 6.10 the kernel's own module refuses this device, so vmbus-bind
# releases it.
case $(uname -r) in
[0-5].* | 6.[0-9].*)
	/usr/lib/udev/vmbus-bind --all
	check "vmbus-bind gives the fcopy device back to hv_utils" within 10 has_driver "$fcopy" hv_utils
	check "the kernel log says that the kernel's own module does not take it" sh -c 'dmesg | grep "own is loaded, which does not take the file copy device"'
	;;
*)
	check "vmbus-bind succeeds" /usr/lib/udev/vmbus-bind --all
	check "the kernel's own module has the fcopy device" within 10 has_driver "$fcopy" uio_hv_generic
	;;
esac
check "it is not ours that was loaded" own
check "as the kernel log says again" lines 2
