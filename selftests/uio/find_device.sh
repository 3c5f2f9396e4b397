# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck disable=SC2034 # variables for those that source this file
# Find the device that a test of the module uses. The scripts that source this
# file define skip REASON, which ends the test.
#
# VMBUS_INSTANCE is the instance of the device, its name in
# /sys/bus/vmbus/devices. Without it, VMBUS_CLASS is the class of the device
# (its GUID; the file copy device by default). VMBUS_SYSROOT is a directory that
# stands in for / in the search.

fcopy_class=34d14be3-dee4-41c8-9ae7-6b174977c192
class=${VMBUS_CLASS:-$fcopy_class}
sys=${VMBUS_SYSROOT:-}/sys
driver=$sys/bus/vmbus/drivers/uio_hv_generic

# on_azure: whether Azure runs this VM; the tag is the same in each of its VMs
on_azure() { [ "$(cat "$sys/class/dmi/id/chassis_asset_tag" 2>/dev/null)" = 7783-7084-3265-9085-8269-3286-77 ]; }
is_bound() { [ -e "$1/driver" ] && [ "$(readlink -f "$1/driver")" = "$(readlink -f "$driver")" ]; }

# choose: set $device to the first device of the class that is bound to
# uio_hv_generic and not open, or else to one that is bound, or else to any
choose() {
	device='' best=0
	for each in "$sys"/bus/vmbus/devices/*; do
		[ "$(cat "$each/class_id" 2>/dev/null)" = "{$class}" ] || continue
		rank=1
		if is_bound "$each"; then
			rank=2
			[ "$(cat "$each/uio_hv_generic/state" 2>/dev/null)" != closed ] || rank=3
		fi
		[ $rank -le $best ] || device=$each best=$rank
	done
}

# find_device: set $device to the device, and $class to its class; skip the test
# if the device cannot be tested
find_device() {
	[ -d "$sys/bus/vmbus/devices" ] || skip "this is no VM on Hyper-V: $sys/bus/vmbus/devices does not exist"
	if [ -n "${VMBUS_INSTANCE:-}" ]; then
		device=$sys/bus/vmbus/devices/$VMBUS_INSTANCE
		[ -d "$device" ] || skip "the host offers no device $VMBUS_INSTANCE: set VMBUS_INSTANCE to a name in $sys/bus/vmbus/devices"
		class=$(tr -d '{}' <"$device/class_id")
	else
		choose
	fi
	if [ -z "$device" ] && [ -z "${VMBUS_CLASS:-}" ]; then
		! on_azure || skip "the host offers no file copy device; on Azure, set VMBUS_CLASS to the class of a device that is bound to uio_hv_generic"
		skip "the host offers no file copy device; on the host, in PowerShell as administrator:" \
			"Enable-VMIntegrationService -VMName NAME -Name 'Guest Service Interface'"
	fi
	[ -n "$device" ] || skip "the host offers no device of class $class: add one to the VM, or set VMBUS_CLASS to another class"
	is_bound "$device" ||
		skip "${device##*/} is not bound to uio_hv_generic: name its class in a file of /etc/hyperv-uio/bind.d (hyperv-uio.conf(5))," \
			"then run /usr/lib/udev/vmbus-bind --all as root"
	case $(cat "$sys/module/uio_hv_generic/version" 2>/dev/null) in
	1:*) ;;
	*) skip "the kernel's own uio_hv_generic is loaded, and this tests the module of hyperv-uio: install hyperv-uio-dkms, and load the module again" ;;
	esac
}
