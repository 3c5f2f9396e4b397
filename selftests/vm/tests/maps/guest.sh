# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
nic_class=f8615163-df3e-46c5-913f-f2d2f965ed0e
check "both devices are offered" within 10 sh -c 'test "$(ls /sys/bus/vmbus/devices | wc -l)" -ge 2'
fcopy=$(vmbus_device "$fcopy_class")
nic=$(vmbus_device $nic_class)
modprobe uio_hv_generic
for device in "$fcopy" "$nic"; do
	echo uio_hv_generic >"$device/driver_override"
	[ ! -e "$device/driver" ] || echo "${device##*/}" >"$device/driver/unbind"
	echo "${device##*/}" >/sys/bus/vmbus/drivers_probe
done
names() { cat "$1"/uio/uio*/maps/map*/name | sed 's/:[0-9][0-9]*$/:/' | tr '\n' ' '; }
sizes() { cat "$1"/uio/uio*/maps/map*/size | tr '\n' ' '; }
check "the NIC's maps: $(names "$nic")" test "$(names "$nic")" = "txrx_rings int_page monitor_page recv: send: "
check "their sizes: $(sizes "$nic")" test "$(sizes "$nic")" = \
	"0x0000000000400000 0x0000000000001000 0x0000000000001000 0x0000000001f00000 0x0000000001000000 "
check "the fcopy device's maps: $(names "$fcopy")" test "$(names "$fcopy")" = "txrx_rings int_page monitor_page "
check "their sizes: $(sizes "$fcopy")" test "$(sizes "$fcopy")" = \
	"0x000000000000a000 0x0000000000001000 0x0000000000001000 "
ring() { stat -c '%s %a' "$1"/channels/*/ring; }
check "the ring file has the true size and mode: $(ring "$fcopy")" test "$(ring "$fcopy")" = "40960 600"
check "the NIC is monitored" test -r "$nic/monitor_id"
check "the fcopy device is not" test ! -e "$fcopy/monitor_id"
