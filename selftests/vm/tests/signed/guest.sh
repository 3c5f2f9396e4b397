# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Use the path, because the shell of busybox would otherwise run its own
# modprobe.
modprobe=/sbin/modprobe
module=/sys/module/uio_hv_generic
# The kernel log has one line for each time that the kernel's own module was
# loaded instead of the project's module.
lines() { [ "$(dmesg | grep -c 'uio_hv_generic: the module of hyperv-uio-dkms is refused (Key was rejected by service), so the kernel.s own is loaded')" = "$1" ]; }
own() { [ -e $module ] && case $(cat $module/version) in 1:*) false ;; esac }
ours_is_refused() { ! $modprobe --ignore-install uio_hv_generic 2>/tmp/said && grep 'Key was rejected by service' /tmp/said; }
# Before 6.10 the kernel's own module refuses this device, so vmbus-bind
# releases it.
fcopy_driver() { [ "$(basename "$(readlink -f "$fcopy/driver")")" = "$1" ]; }

check "both devices are offered" within 10 sh -c 'test "$(ls /sys/bus/vmbus/devices | wc -l)" = 2'
fcopy=$(vmbus_device "$fcopy_class")
nic=$(vmbus_device "$nic_class")
check "the kernel enforces signatures" grep -q Y /sys/module/module/parameters/sig_enforce
check "and refuses our module" ours_is_refused
check "modprobe says nothing, and succeeds" sh -c '/sbin/modprobe uio_hv_generic >/tmp/said 2>&1 && ! test -s /tmp/said'
check "it has loaded the kernel's own module" own
check "as the kernel log says" lines 1
give_to_uio "$nic"
check "which takes a NIC" within 10 bound "$nic_class"
echo >"$nic/driver_override"
echo "${nic##*/}" >/sys/bus/vmbus/drivers/uio_hv_generic/unbind
rmmod uio_hv_generic

$modprobe hv_utils
case $(uname -r) in
[0-5].* | 6.[0-9].*)
	/usr/lib/udev/vmbus-bind --all
	check "vmbus-bind gives the fcopy device back to hv_utils" within 10 fcopy_driver hv_utils
	check "the kernel log says that the kernel's own module does not take it" sh -c 'dmesg | grep "own is loaded, which does not take the file copy device"'
	;;
*)
	check "vmbus-bind succeeds" /usr/lib/udev/vmbus-bind --all
	check "the kernel's own module has the fcopy device" within 10 fcopy_driver uio_hv_generic
	;;
esac
check "it is not ours that was loaded" own
check "as the kernel log says again" lines 2
