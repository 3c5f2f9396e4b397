#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# vmbus-bind does not take what the machine stands on.
# shellcheck disable=SC2086,SC2317 # GUIDs and numbers need no quotes; tests are called by name
# shellcheck source=tree.sh
. "$(dirname "$0")/tree.sh"

want_nic() {
	conf $admin/nic.conf '[nic]' driver=uio_hv_generic "$@"
	driver hv_netvsc $nic
	device $dev $nic hv_netvsc
	mkdir -p "$bus/devices/$dev/net/eth0" "$root/sys/class/net/eth0"
}

want_disk() {
	conf $admin/disk.conf '[scsi]' driver=uio_hv_generic
	driver hv_storvsc $scsi
	device $dev $scsi hv_storvsc
	disk=$bus/devices/$dev/host0/target0:0:0/0:0:0:0/block/sda
	mkdir -p "$disk/sda1" "$disk/holders" "$disk/sda1/holders"
	echo 8:0 >"$disk/dev"
	echo 8:1 >"$disk/sda1/dev"
	echo 1 >"$disk/sda1/partition"
}

refused() { # WHY
	vmbus_bind $dev
	is status $status 1
	says "$1"
	log_is_empty
}

refused_by_udev() {
	vmbus_bind --udev $dev
	is status $status 1
	log_is_empty
	vmbus_bind --all --udev
	is "status of --all" $status 1
	log_is_empty
	vmbus_bind --all
	is "status without --udev" $status 0
	is driver "$(driver_of $dev)" uio_hv_generic
}

taken() {
	vmbus_bind "$@" $dev
	is status $status 0
	is driver "$(driver_of $dev)" uio_hv_generic
}

route() { # INTERFACE DESTINATION MASK
	printf 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n' \
		>"$root/proc/net/route"
	printf '%s\t%s\t0101A8C0\t0003\t0\t0\t0\t%s\t0\t0\t0\n' "$1" "$2" "$3" >>"$root/proc/net/route"
}

test_nic_with_the_default_route_stays() {
	want_nic
	route eth0 00000000 00000000
	refused "interface eth0 has the default route"
}

test_nic_with_the_default_route_of_ipv6_stays() {
	want_nic
	z=00000000000000000000000000000000
	echo "$z 00 $z 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0" \
		>"$root/proc/net/ipv6_route"
	refused "interface eth0 has the default route"
}

test_nic_under_a_bridge_with_the_default_route_stays() {
	want_nic
	mkdir -p "$root/sys/class/net/br0"
	ln -s ../br0 "$root/sys/class/net/eth0/upper_br0"
	route br0 00000000 00000000
	refused "interface br0 has the default route"
}

test_other_nic_is_taken() {
	want_nic
	route eth0 0001A8C0 00FFFFFF
	taken
}

test_nic_with_a_route_to_half_the_net_is_taken() {
	want_nic
	route eth0 00000000 00000080
	taken
}

test_nic_is_taken_when_forced_in_the_file() {
	want_nic force=yes
	route eth0 00000000 00000000
	taken
}

test_nic_is_taken_when_forced_on_the_command_line() {
	want_nic
	route eth0 00000000 00000000
	taken --force
}

test_nic_stays_when_the_routes_cannot_be_read() {
	want_nic
	rm "$root/proc/net/route"
	refused "No such file"
}

test_mounted_disk_stays() {
	want_disk
	echo "22 1 8:0 / / rw - ext4 /dev/none rw" >"$root/proc/self/mountinfo"
	refused "disk sda is mounted"
}

test_disk_with_a_mounted_partition_stays() {
	want_disk
	echo "22 1 8:1 / / rw - ext4 /dev/none rw" >"$root/proc/self/mountinfo"
	refused "disk sda1 is mounted"
}

test_disk_with_a_partition_that_cannot_be_read_stays() {
	want_disk
	rm "$disk/sda1/partition"
	mkdir "$disk/sda1/partition"
	refused "Is a directory"
}

test_disk_under_device_mapper_stays() {
	want_disk
	mkdir "$disk/sda1/holders/dm-0"
	refused "disk sda1 is held by dm-0"
}

test_unused_disk_is_taken() {
	want_disk
	echo "22 1 8:16 / / rw - ext4 /dev/none rw" >"$root/proc/self/mountinfo"
	taken
}

# At boot udev asks before there is a route or a mount: the trees of want_* have none.
test_udev_does_not_take_a_nic_for_its_class() {
	want_nic
	refused_by_udev
}

test_udev_does_not_take_a_disk_controller_for_its_class() {
	want_disk
	refused_by_udev
}

test_udev_takes_a_nic_that_a_section_names() {
	want_nic
	conf $admin/one.conf "[$dev]"
	taken --udev
}

test_udev_does_not_take_a_named_nic_with_the_default_route() {
	want_nic
	conf $admin/one.conf "[$dev]"
	route eth0 00000000 00000000
	vmbus_bind --udev $dev
	is status $status 1
	log_is_empty
}

test_udev_takes_a_nic_for_its_class_when_forced() {
	want_nic force=yes
	taken --udev
}

test_udev_takes_other_classes() {
	conf $admin/fcopy.conf '[fcopy]'
	device $dev $fcopy
	taken --udev
}

test_dry_run_says_so_too() {
	want_nic
	route eth0 00000000 00000000
	vmbus_bind -n --all
	is status $status 1
	says "interface eth0 has the default route"
}

run_tests
