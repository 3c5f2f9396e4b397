# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
nic_class=f8615163-df3e-46c5-913f-f2d2f965ed0e
split=$(find /usr/libexec /usr/lib -name uio_split | head -n 1)
check "both devices are offered" within 10 sh -c 'test "$(ls /sys/bus/vmbus/devices | wc -l)" -ge 2'
fcopy=$(vmbus_device "$fcopy_class")
nic=$(vmbus_device $nic_class)
modprobe uio_hv_generic
for device in "$fcopy" "$nic"; do
	echo uio_hv_generic >"$device/driver_override"
	[ ! -e "$device/driver" ] || echo "${device##*/}" >"$device/driver/unbind"
	echo "${device##*/}" >/sys/bus/vmbus/drivers_probe
done
node() { set -- "$1"/uio/uio*; echo "/dev/${1##*/}"; }
size() { cat "$1"/uio/uio*/maps/map"$2"/size; }
# The driver loaded first, the ring files come a moment later.
ring_there() { [ -e "$(echo "$fcopy"/channels/*/ring)" ]; }
check "the ring file is there" within 10 ring_there
# A ring file can be mapped while the device is open.
exec 5<>"$(node "$fcopy")"
ring=$(echo "$fcopy"/channels/*/ring)
check "the rings, in parts" "$split" cuts "$(node "$fcopy")" "$(size "$fcopy" 0)"
check "two pages of the interrupt page" "$split" single "$(node "$fcopy")" 4096
check "the receive buffer of a NIC, in parts" "$split" recv "$(node "$nic")" "$(size "$nic" 3)"
check "the ring file, in parts" "$split" cuts "$ring" "$(size "$fcopy" 0)"
check "the ring file, made writable by mprotect" "$split" upgrade "$ring" "$(size "$fcopy" 0)"
check "the rings, made writable by mprotect" "$split" upgrade "$(node "$fcopy")" "$(size "$fcopy" 0)"
exec 5<&-
check "parts of a device whose driver has gone" "$split" gone "$(node "$nic")" "$(size "$nic" 0)" \
	/sys/bus/vmbus/drivers/uio_hv_generic/unbind "${nic##*/}"
