# SPDX-License-Identifier: GPL-2.0-only
class=57164f39-9115-4e78-ab55-382f3bd5422d
# hand_over DEVICE DRIVER: move the device from uio_hv_generic to that driver
hand_over() { echo >"$1/driver_override" && echo "${1##*/}" >"$driver/unbind" && echo "${1##*/}" >"/sys/bus/vmbus/drivers/$2/bind"; }

check "both devices are offered" within 10 sh -c 'test "$(ls /sys/bus/vmbus/devices | wc -l)" = 2'
heartbeat=$(vmbus_device $class)
nic=$(vmbus_device "$nic_class")
modprobe -a hv_utils uio_hv_generic
check "hv_utils has the device" within 10 has_driver "$heartbeat" hv_utils
give_to_uio "$heartbeat" "$nic"
check "ours has it" within 10 has_driver "$heartbeat" uio_hv_generic
check "and the NIC" within 10 has_driver "$nic" uio_hv_generic
exec 5<>"/dev/$(ls "$heartbeat/uio")"
in_background /tmp/hold.log "$programs/hold_map" "$nic_class" uio
holder=$!
within 10 grep -q ready /tmp/hold.log
say open
hear "hand over"
check "unbound while it is open, it goes to hv_utils" hand_over "$heartbeat" hv_utils
say utils
hear "the NIC"
# The probe of hv_netvsc needs the host, which is busy until then.
modprobe hv_netvsc
check "unbound while it is mapped, the NIC goes to hv_netvsc, which the host refuses" \
	sh -c "echo >$nic/driver_override && echo ${nic##*/} >$driver/unbind && ! echo ${nic##*/} >/sys/bus/vmbus/drivers/hv_netvsc/bind"
check "as hv_netvsc says" sh -c 'dmesg | grep "unable to connect to NetVSP\|unable to add netvsc device"'
check "rmmod is refused while the old file is open" sh -c '! rmmod uio_hv_generic'
exec 5>&-
kill -9 $holder
wait $holder
check "and then done" rmmod uio_hv_generic
say gone
hear offered
utils_again() { has_driver "$(vmbus_device $class)" hv_utils; }
check "offered again, hv_utils has it" within 10 utils_again
say utils again
hear finished
