#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Test that vmbus-bind does not bind a device that the machine needs: now, for
# an event of udev, and in the preview.
# shellcheck disable=SC2086,SC2154,SC2317 # GUIDs and numbers need no quotes; tests are called by name
# shellcheck source=tree.sh
command . "$(dirname "$0")/tree.sh" || exit 1

# Make two NICs, eth0 with the default route and eth1 with nothing, and a rule
# for the first or the second.
want() { # NAME LINE...
	name=$1
	shift
	nic $dev eth0 1
	nic $dev2 eth1 2
	default_route eth0
	address eth0
	conf $admin/nic.conf "[$name]" driver=uio_hv_generic "$@"
}

want_disk() {
	conf $admin/disk.conf '[scsi]' driver=uio_hv_generic "$@"
	driver hv_storvsc $scsi
	device $dev $scsi hv_storvsc
	disk=$bus/devices/$dev/host0/target0:0:0/0:0:0:0/block/sda
	mkdir -p "$disk/sda1" "$disk/holders" "$disk/sda1/holders"
	echo 8:0 >"$disk/dev"
	echo 8:1 >"$disk/sda1/dev"
	echo 1 >"$disk/sda1/partition"
}

refused() { # DEVICE WHY
	: >"$root/kernel/log"
	vmbus_bind "$1"
	is status $status 1
	says "$2"
	log_is_empty
	vmbus_bind -n "$1"
	is "status of the preview" $status 1
	says "now: would not be bound to uio_hv_generic: $2"
}

taken() {
	vmbus_bind "$@"
	is status $status 0
	for d in "$@"; do
		case $d in -*) continue ;; esac
		is "driver of $d" "$(driver_of $d)" uio_hv_generic
	done
}

# Check that an event of udev at boot has the result of the preview: "bound" or
# "refused", with the reason.
next_boot() { # DEVICE bound|refused WHY
	vmbus_bind -n "$1"
	case $2 in
	bound) says "at the next boot: would be bound to uio_hv_generic" ;;
	*) says "at the next boot: would not be bound to uio_hv_generic" ;;
	esac
	says "$3"
	foretold=$(echo "$out" | sed -n 's/.*at the next boot: [^:]*: //p')
	boot
	vmbus_bind --udev "$1"
	case $2 in
	bound) is "status at boot" $status 0 ;;
	*) is "status at boot" $status 1 && says "$3" && says "${foretold%% (*}" ;;
	esac
	want_driver=none
	[ "$2" = refused ] || want_driver=uio_hv_generic
	is "driver after the boot" "$(driver_of "$1")" $want_driver
}

# Configure the guest's network: each function brings eth0 up with a default
# route.
networkd() { # LINE...
	mkdir -p "$root/etc/systemd/network" "$root/etc/systemd/system/multi-user.target.wants"
	: >"$root/etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
	conf etc/systemd/network/10-a.network "$@"
}

ifupdown() { # LINE...
	mkdir -p "$root/etc/network" "$root/sbin" "$root/etc/systemd/system/multi-user.target.wants"
	: >"$root/sbin/ifup"
	: >"$root/etc/systemd/system/multi-user.target.wants/networking.service"
	conf etc/network/interfaces "$@"
}

networkmanager() { # LINE...
	mkdir -p "$root/etc/NetworkManager/system-connections" "$root/etc/systemd/system/multi-user.target.wants"
	: >"$root/etc/systemd/system/multi-user.target.wants/NetworkManager.service"
	conf etc/NetworkManager/system-connections/a.nmconnection "$@"
	chmod 600 "$root/etc/NetworkManager/system-connections/a.nmconnection"
}

# counts, does_not_count: check whether that configuration brings up the NIC
# with eth0
counts() {
	vmbus_bind -n $dev2
	says "at the next boot: would be bound to uio_hv_generic, taken over from hv_netvsc: interface eth0 remains, which $1 brings up"
}

does_not_count() {
	vmbus_bind -n $dev2
	says "at the next boot: would not be bound to uio_hv_generic: at boot nothing shows whether the machine needs it"
}

test_nic_with_the_default_route_stays() {
	want nic
	address eth1 2
	refused $dev "interface eth0 has the default route"
}

test_nic_with_the_default_route_of_ipv6_stays() {
	want nic
	: >"$root/proc/net/route"
	address eth1 2
	z=00000000000000000000000000000000
	echo "$z 00 $z 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0" \
		>"$root/proc/net/ipv6_route"
	refused $dev "interface eth0 has the default route"
}

test_nic_under_a_bridge_with_the_default_route_stays() {
	want nic
	: >"$root/proc/net/route"
	mkdir -p "$root/sys/class/net/br0"
	ln -s ../br0 "$root/sys/class/net/eth0/upper_br0"
	default_route br0
	refused $dev "interface eth0 has the default route"
}

test_unreachable_default_route_is_none() {
	want nic
	: >"$root/proc/net/route"
	route eth0 00000000 00000000 0201
	address eth1 2
	taken $dev
}

test_other_nic_is_taken() {
	want nic
	address eth1 2
	taken $dev2
	is driver "$(driver_of $dev)" hv_netvsc
}

test_last_nic_with_an_address_stays() {
	want nic
	: >"$root/proc/net/route"
	address eth0
	refused $dev "interface eth0 is the last one with an address"
}

test_last_nic_with_an_address_of_ipv6_stays() {
	want nic
	: >"$root/proc/net/route"
	echo "20010db8000000000000000000000001 02 40 00 80     eth0" >"$root/proc/net/if_inet6"
	echo "fe800000000000000000000000000001 03 40 20 80     eth1" >>"$root/proc/net/if_inet6"
	refused $dev "interface eth0 is the last one with an address"
	taken $dev2
}

test_nic_with_a_link_local_address_is_taken() {
	want nic
	: >"$root/proc/net/route"
	address eth1 2
	echo "fe800000000000000000000000000001 02 40 20 80     eth0" >"$root/proc/net/if_inet6"
	taken $dev
}

test_of_two_nics_with_an_address_one_is_taken() {
	want nic
	: >"$root/proc/net/route"
	address eth0
	address eth1 2
	vmbus_bind -n --all
	is "status of the preview" $status 1
	# By instance: dev2 comes first.
	says "$dev2 (nic): now: would be bound to uio_hv_generic"
	says "$dev (nic): now: would not be bound to uio_hv_generic: interface eth0 is the last one with an address"
	: >"$root/kernel/log"
	vmbus_bind --all
	is status $status 1
	is driver "$(driver_of $dev2)" uio_hv_generic
	# The NIC's routes have disappeared with it.
	sed -i /eth1/d "$root/proc/net/route"
	vmbus_bind --all
	is status $status 1
	is driver "$(driver_of $dev)" hv_netvsc
}

test_nic_of_another_bus_has_an_address() {
	want nic
	: >"$root/proc/net/route"
	address eth0
	mkdir -p "$root/sys/class/net/ens1/device"
	echo 00:15:5d:00:00:99 >"$root/sys/class/net/ens1/address"
	address ens1 3
	taken $dev
}

# A virtual function has the MAC of the NIC, and goes down with it.
test_virtual_function_is_no_other_nic() {
	want nic
	: >"$root/proc/net/route"
	address eth0
	mkdir -p "$root/sys/class/net/ens1/device"
	echo 00:15:5d:00:00:01 >"$root/sys/class/net/ens1/address"
	address ens1 3
	refused $dev "interface eth0 is the last one with an address"
}

test_virtual_function_goes_down_too() {
	want nic
	mkdir -p "$root/sys/class/net/ens1/device"
	ln -s ../eth1 "$root/sys/class/net/ens1/upper_eth1"
	echo 00:15:5d:00:00:02 >"$root/sys/class/net/ens1/address"
	echo ens1 >>"$root/kernel/up"
	taken $dev2
	grep -qx "interface eth1 down" "$root/kernel/log" || fail "eth1 is not down"
	grep -qx "interface ens1 down" "$root/kernel/log" || fail "ens1 is not down"
	is "what is up" "$(cat "$root/kernel/up")" eth0
}

# The members of a bond have one MAC.
test_other_member_of_a_bond_stays_up() {
	want $dev2 force=yes
	for name in eth0 eth1; do
		mkdir -p "$root/sys/class/net/bond0"
		ln -s ../bond0 "$root/sys/class/net/$name/upper_bond0"
		echo 00:15:5d:00:00:01 >"$root/sys/class/net/$name/address"
	done
	echo 00:15:5d:00:00:01 >"$bus/devices/$dev2/net/eth1/address"
	taken $dev2
	is "what is up" "$(cat "$root/kernel/up")" eth0
}

test_nic_that_is_part_of_something_stays() {
	for upper in bond0 br0 vrf-blue ovs-system eth1.7; do
		rm -rf "$bus/devices" "$root/sys/class/net"
		mkdir -p "$bus/devices" "$root/sys/class/net/$upper"
		: >"$root/proc/net/route"
		want $dev2
		ln -s ../$upper "$root/sys/class/net/eth1/upper_$upper"
		refused $dev2 "interface eth1 is part of $upper"
	done
	taken --force $dev2
}

test_nic_below_pppoe_stays() {
	want $dev2
	printf 'Id       Address              Device\n00000001 00:15:5D:99:99:99       eth0\n' >"$root/proc/net/pppoe"
	vmbus_bind -n $dev2
	says "now: would be bound"
	printf '00000002 00:15:5D:99:99:99       eth1\n' >>"$root/proc/net/pppoe"
	refused $dev2 "interface eth1 carries PPPoE"
}

# sysfs shows the interfaces of one network namespace.
test_nic_in_another_network_namespace_stays() {
	want $dev2
	rm -r "$bus/devices/$dev2/net" "$root/sys/class/net/eth1"
	refused $dev2 "its interface is missing; it may be in another network namespace"
}

test_stack_may_be_high() {
	want $dev
	: >"$root/proc/net/route"
	below=eth0
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		mkdir "$root/sys/class/net/v$i"
		ln -s ../v$i "$root/sys/class/net/$below/upper_v$i"
		below=v$i
	done
	address v20
	default_route v20
	refused $dev "interface eth0 has the default route"
}

# No interface has a route: the network is not up yet, or is down.
test_nic_is_not_taken_while_the_network_is_down() {
	want nic
	: >"$root/proc/net/route"
	for form in --all "$dev"; do
		vmbus_bind $form
		is "status of $form" $status 1
		says "while the network is down nothing shows whether the machine needs it"
	done
	is driver "$(driver_of $dev)" hv_netvsc
	is driver "$(driver_of $dev2)" hv_netvsc
	vmbus_bind -n $dev
	says "now: would not be bound to uio_hv_generic: while the network is down"
}

test_checked_nic_is_taken_while_the_network_is_down() {
	want $dev2
	vmbus_bind --record $dev2
	: >"$root/proc/net/route"
	taken $dev2
}

test_nic_is_taken_while_the_network_is_down_if_another_comes_up() {
	want $dev2
	: >"$root/proc/net/route"
	networkd '[Match]' Name=eth0 '[Network]' DHCP=yes
	taken $dev2
}

test_nic_stays_when_the_routes_of_ipv6_cannot_be_read() {
	for file in ipv6_route if_inet6 pppoe; do
		rm -rf "$bus/devices" "$root/sys/class/net"
		mkdir -p "$bus/devices" "$root/sys/class/net"
		: >"$root/proc/net/route"
		want $dev2
		ln -s $file "$root/proc/net/$file"
		refused $dev2 "it is unknown what interface eth1 is used for: $root/proc/net/$file: Too many levels of symbolic links"
		rm "$root/proc/net/$file"
	done
}

test_nic_is_taken_when_forced_in_the_file() {
	want nic force=yes
	taken $dev
}

test_nic_is_taken_when_forced_on_the_command_line() {
	want nic
	vmbus_bind -n --force $dev
	says "now: would be bound to uio_hv_generic"
	taken --force $dev
	next_boot $dev refused "found that interface eth0 has the default route"
}

test_nic_stays_when_the_routes_cannot_be_read() {
	want nic
	rm "$root/proc/net/route"
	refused $dev "it is unknown what interface eth0 is used for: $root/proc/net/route: No such file"
}

mount_line() { # TYPE SOURCE OPTIONS
	echo "40 22 0:40 / /srv rw - $1 $2 $3" >>"$root/proc/self/mountinfo"
}

test_nic_below_a_network_file_system_stays() {
	want nic
	address eth1 2
	for type in nfs nfs4 cifs smb3; do
		: >"$root/proc/self/mountinfo"
		mount_line $type server:/x "rw,vers=4.2,clientaddr=192.168.2.5,addr=192.168.2.9"
		refused $dev2 "the $type mount /srv is reached through interface eth1"
	done
}

test_nic_below_a_network_file_system_of_ipv6_stays() {
	want nic
	address eth1 2
	z=00000000000000000000000000000000
	echo "20010db8000000000000000000000000 40 $z 00 $z 00000100 00000001 00000000 00000001     eth1" \
		>"$root/proc/net/ipv6_route"
	mount_line nfs4 server:/x "rw,addr=2001:db8::9"
	refused $dev2 "the nfs4 mount /srv is reached through interface eth1"
}

test_network_file_system_of_another_nic_does_not_matter() {
	want nic
	address eth1 2
	mount_line nfs4 server:/x "rw,addr=192.168.1.9"
	mount_line nfs4 server:/y "rw,addr=10.9.9.9"
	taken $dev2
}

test_longest_prefix_decides_about_a_network_file_system() {
	want nic
	route eth1 0000A8C0 0000FFFF
	mount_line nfs4 server:/x "rw,addr=192.168.1.9"
	taken $dev2
}

test_network_file_system_whose_server_is_not_known_keeps_every_nic() {
	want nic
	address eth1 2
	mount_line ceph 192.168.2.1,192.168.2.2:/ "rw,name=admin"
	refused $dev2 "the ceph mount /srv may be reached through interface eth1"
}

test_nic_without_an_address_carries_no_file_system() {
	want nic
	mount_line ceph 192.168.2.1:/ "rw,name=admin"
	taken $dev2
}

test_nic_below_iscsi_stays() {
	want nic
	address eth1 2
	mkdir -p "$root/sys/class/iscsi_connection/connection1:0"
	echo 192.168.2.9 >"$root/sys/class/iscsi_connection/connection1:0/address"
	refused $dev2 "the iSCSI connection to 192.168.2.9 is reached through interface eth1"
	echo 192.168.1.9 >"$root/sys/class/iscsi_connection/connection1:0/address"
	taken $dev2
}

test_nic_below_nvme_over_tcp_stays() {
	want nic
	address eth1 2
	mkdir -p "$root/sys/class/nvme/nvme3"
	echo pcie >"$root/sys/class/nvme/nvme3/transport"
	echo "traddr=192.168.2.9,trsvcid=4420" >"$root/sys/class/nvme/nvme3/address"
	vmbus_bind -n $dev2
	says "now: would be bound"
	echo tcp >"$root/sys/class/nvme/nvme3/transport"
	refused $dev2 "the network disk nvme3 is reached through interface eth1"
}

test_nic_below_nbd_stays() {
	want nic
	address eth1 2
	mkdir -p "$root/sys/block/nbd0" "$root/sys/block/sda"
	vmbus_bind -n $dev2
	says "now: would be bound"
	echo 77 >"$root/sys/block/nbd0/pid"
	refused $dev2 "the network disk nbd0 may be reached through interface eth1"
}

test_mounted_disk_stays() {
	want_disk
	echo "22 1 8:0 / /boot rw - ext4 /dev/none rw" >"$root/proc/self/mountinfo"
	refused $dev "disk sda is mounted on /boot"
}

# Test an NVMe controller behind a PCIe device, which has no directory "block".
test_mounted_nvme_disk_stays() {
	conf $admin/disk.conf '[pcie]' driver=uio_hv_generic force=no
	driver hv_pci $pcie
	device $dev 44c4f61d-4444-4400-9d52-802e27ede19f hv_pci
	disk=$bus/devices/$dev/pci0001:00/0001:00:00.0/nvme/nvme0/nvme0n1
	mkdir -p "$disk/nvme0n1p1" "$disk/holders" "$disk/nvme0n1p1/holders" "$root/sys/class/block"
	ln -s "$root/sys/class/block" "$disk/subsystem"
	ln -s "$root/sys/class/block" "$disk/nvme0n1p1/subsystem"
	echo 259:0 >"$disk/dev"
	echo 259:1 >"$disk/nvme0n1p1/dev"
	echo 1 >"$disk/nvme0n1p1/partition"
	echo "22 1 259:1 / / rw - ext4 /dev/none rw" >"$root/proc/self/mountinfo"
	refused $dev "disk nvme0n1p1 is mounted on /"
}

test_disk_with_a_mounted_partition_stays() {
	want_disk
	echo "22 1 8:1 / / rw - ext4 /dev/none rw" >"$root/proc/self/mountinfo"
	refused $dev "disk sda1 is mounted on /"
}

test_disk_with_a_partition_that_cannot_be_read_stays() {
	want_disk
	rm "$disk/sda1/dev"
	refused $dev "it is unknown whether a disk below it is in use: No such file"
}

test_disk_under_device_mapper_stays() {
	want_disk
	mkdir "$disk/sda1/holders/dm-0"
	refused $dev "disk sda1 is held by dm-0"
}

test_disk_with_swap_stays() {
	# A test can only rely on a block device that it makes.
	mknod "$root/swap" b 8 1 2>/dev/null || skip "there is no right to make a block device: run this as root, outside of a container"
	want_disk
	printf 'Filename\tType\tSize\tUsed\tPriority\n%s\tpartition\t1\t0\t-2\n' "$root/swap" >"$root/proc/swaps"
	refused $dev "disk sda1 is used as swap"
}

# sysfs and the mount table do not show the use of the second disk of a btrfs,
# or of a member of a ZFS pool.
test_disk_that_somebody_has_claimed_stays() {
	for name in sda sda1; do
		rm -rf "$bus/devices" "$bus/drivers/hv_storvsc" && mkdir "$bus/devices"
		want_disk
		echo $name >"$root/kernel/claimed"
		refused $dev "disk $name is claimed by a file system, a volume or a program"
	done
	vmbus_bind --all
	is "status of --all" $status 1
	vmbus_bind -n --all
	says "now: would not be bound to uio_hv_generic: disk sda1 is claimed"
	taken --force $dev
}

test_disk_that_cannot_be_opened_stays() {
	want_disk
	echo "claim 13 always" >"$root/kernel/errors"
	sed -i 's/^claim/sda1/' "$root/kernel/errors"
	refused $dev "it is unknown whether a disk below it is in use: Permission denied"
}

test_drive_without_a_medium_is_taken() {
	want_disk
	echo "sda 123 always" >"$root/kernel/errors"
	taken $dev
}

# While vmbus-bind has a disk open, a mount of it fails.
test_disk_is_tried_only_before_its_controller_is_taken() {
	want_disk enable=no
	nic $dev2 eth1 2
	for form in --all "$dev" "--udev $dev" "--udev $dev2" "-n --all"; do
		vmbus_bind $form
		[ ! -e "$root/kernel/claims" ] || fail "$form has opened $(cat "$root/kernel/claims")"
	done
	conf $admin/disk.conf '[scsi]'
	vmbus_bind --udev $dev
	[ ! -e "$root/kernel/claims" ] || fail "udev has opened $(cat "$root/kernel/claims")"
}

test_unused_disk_is_taken() {
	want_disk
	echo "22 1 8:16 / / rw - ext4 /dev/none rw" >"$root/proc/self/mountinfo"
	taken $dev
}

test_no_disk_controller_is_taken_at_boot_without_force() {
	for class in $scsi 32412632-86cb-44a2-9b5c-50d1417354f5 2f9bcc4a-0069-4af3-b76b-6fd0be528cda \
		44c4f61d-4444-4400-9d52-802e27ede19f; do
		rm -rf "$bus/devices" && mkdir "$bus/devices"
		device $dev $class
		for name in $class $dev; do
			conf $admin/disk.conf "[$name]"
			next_boot $dev refused "at boot nothing shows whether the machine needs a disk behind it"
		done
	done
}

test_disk_controller_is_taken_at_boot_with_force() {
	want_disk force=yes
	next_boot $dev bound "force=yes"
}

test_udev_does_not_take_a_disk_controller_of_a_later_offer() {
	want_disk
	echo "22 1 8:16 / / rw - ext4 /dev/none rw" >"$root/proc/self/mountinfo"
	vmbus_bind --udev $dev
	is status $status 1
	log_is_empty
}

# This is a regression test: a section for the NIC with the default route, and a
# boot at which there are no routes.
test_boot_does_not_take_the_nic_with_the_default_route() {
	for name in nic $dev "mac 00:15:5d:00:00:01" "interface eth0"; do
		rm -rf "$bus/devices" "$root/sys/class/net" "$root/${state:?}" "$root/proc/net/route"
		mkdir -p "$bus/devices" "$root/sys/class/net"
		: >"$root/proc/net/route"
		want "$name"
		vmbus_bind -n $dev
		says "now: would not be bound to uio_hv_generic: interface eth0 has the default route"
		says "at the next boot: would not be bound to uio_hv_generic"
		boot
		record $dev mac=00:15:5d:00:00:01 interface=eth0
		vmbus_bind --udev $dev
		is "status at boot with [$name]" $status 1
		is "driver with [$name]" "$(driver_of $dev)" none
		log_is_empty
		rm "$root/$state/$dev"
	done
}

test_boot_takes_what_an_administrator_had_checked() {
	want $dev2
	taken $dev2
	grep -qx verdict=safe "$root/$state/$dev2" || fail "nothing is recorded: $(cat "$root/$state/$dev2")"
	grep -qx "rule=/$admin/nic.conf \[instance\]" "$root/$state/$dev2" || fail "the rule is not recorded"
	next_boot $dev2 bound "found that the machine can do without it"
}

test_boot_takes_of_a_class_what_was_checked() {
	want nic
	vmbus_bind --all
	is status $status 1
	next_boot $dev2 bound "found that the machine can do without it"
	vmbus_bind --udev $dev
	is "status of the other" $status 1
	says "found that interface eth0 has the default route"
	is "driver of the other" "$(driver_of $dev)" none
}

test_check_is_recorded_without_binding() {
	want $dev2
	vmbus_bind --record $dev2
	is status $status 0
	is driver "$(driver_of $dev2)" hv_netvsc
	log_is_empty
	next_boot $dev2 bound "found that the machine can do without it"
}

test_record_of_all() {
	want nic
	vmbus_bind --record
	is status $status 1
	log_is_empty
	grep -qx verdict=needed "$root/$state/$dev" || fail "the first has no verdict"
	grep -qx verdict=safe "$root/$state/$dev2" || fail "the second has no verdict"
}

test_preview_records_nothing() {
	want nic
	vmbus_bind -n --all
	[ ! -e "$root/$state" ] || fail "there is a state folder"
}

test_verdict_ends_with_the_rule() {
	want $dev2
	vmbus_bind --record
	conf $admin/nic.conf
	vmbus_bind --record
	conf $admin/nic.conf "[$dev2]"
	! grep -q verdict "$root/$state/$dev2" || fail "the verdict is still there"
	next_boot $dev2 refused "nobody has checked it"
}

test_verdict_ends_with_enable_no() {
	want $dev2
	vmbus_bind --record
	conf $admin/nic.conf "[$dev2]" enable=no
	vmbus_bind --record
	! grep -q verdict "$root/$state/$dev2" || fail "the verdict is still there"
}

test_verdict_ends_with_the_release() {
	want $dev2
	taken $dev2
	vmbus_bind --release
	! grep -q verdict "$root/$state/$dev2" || fail "the verdict is still there"
	next_boot $dev2 refused "nobody has checked it"
}

test_verdict_is_for_one_rule() {
	want $dev2
	vmbus_bind --record
	conf $admin/nic.conf '[nic]'
	next_boot $dev2 refused "it was checked for another rule"
}

test_verdict_is_for_one_driver() {
	want $dev2
	vmbus_bind --record
	conf $admin/nic.conf "[$dev2]" driver=other
	vmbus_bind -n $dev2
	says "at the next boot: would not be bound to other"
}

test_verdict_is_for_one_mac() {
	want $dev2
	vmbus_bind --record
	echo 00:15:5d:00:00:77 >"$bus/devices/$dev2/net/eth1/address"
	: >"$root/proc/net/route"
	vmbus_bind --udev $dev2
	is status $status 1
	says "its MAC is 00:15:5d:00:00:77 and was 00:15:5d:00:00:02 when it was checked"
}

# The first event records the new MAC; the check was for the old one.
test_changed_mac_is_noticed_each_time() {
	want $dev2
	vmbus_bind --record
	echo 00:15:5d:00:00:77 >"$bus/devices/$dev2/net/eth1/address"
	: >"$root/proc/net/route"
	for time in first second; do
		vmbus_bind --udev $dev2
		is "status of the $time event" $status 1
		is "driver after the $time event" "$(driver_of $dev2)" hv_netvsc
	done
	says "nobody has checked it"
}

test_verdict_needs_a_network() {
	want $dev
	: >"$root/proc/net/route"
	vmbus_bind --record
	! grep -q verdict "$root/$state/$dev" || fail "there is a verdict though nothing was up"
	next_boot $dev refused "nobody has checked it"
}

test_needed_stays_needed_at_boot() {
	want $dev
	networkd '[Match]' Name=eth1 '[Network]' DHCP=yes
	vmbus_bind -n $dev
	says "at the next boot: would be bound to uio_hv_generic, taken over from hv_netvsc: interface eth1 remains"
	vmbus_bind $dev
	next_boot $dev refused "found that interface eth0 has the default route"
}

test_needed_is_checked_again() {
	want $dev
	vmbus_bind --record
	: >"$root/proc/net/route"
	default_route eth1
	vmbus_bind --record
	next_boot $dev bound "found that the machine can do without it"
}

test_bound_device_proves_that_the_machine_can_do_without_it() {
	want $dev2
	vmbus_bind --force $dev2
	rm "$root/$state/$dev2"
	vmbus_bind --record
	grep -qx verdict=safe "$root/$state/$dev2" || fail "nothing is recorded"
}

test_record_that_cannot_be_read_counts_for_nothing() {
	want $dev2
	record $dev2 verdict=safe "rule=/$admin/nic.conf [instance]" driver=uio_hv_generic nonsense
	next_boot $dev2 refused "cannot be read: Protocol error"
	for line in verdict=perhaps "mac=$(printf %050d 0)" "unknown=1"; do
		record $dev2 "$line" verdict=safe "rule=/$admin/nic.conf [instance]" driver=uio_hv_generic
		next_boot $dev2 refused "cannot be read"
	done
}

test_state_that_cannot_be_written_is_a_warning() {
	want $dev2
	mkdir -p "$root/var/lib"
	: >"$root/$state"
	vmbus_bind $dev2
	is status $status 0
	says "cannot be written, so this check will not count at the next boot"
	is driver "$(driver_of $dev2)" uio_hv_generic
}

test_forced_nic_is_taken_at_boot() {
	want nic force=yes
	next_boot $dev bound "force=yes"
}

test_device_of_another_class_is_taken_at_boot() {
	conf $admin/fcopy.conf '[fcopy]'
	device $dev $fcopy
	next_boot $dev bound "the machine can do without devices of its class"
}

test_re_offer_is_taken_while_another_nic_has_the_default_route() {
	want $dev2
	rm -rf "$root/sys/class/net/eth1"
	rm -rf "$bus/devices/$dev2/net" "$bus/devices/$dev2/driver"
	taken --udev $dev2
}

test_re_offer_is_not_taken_while_none_has() {
	want $dev2
	rm -rf "$bus/devices/$dev2/net" "$bus/devices/$dev2/driver"
	: >"$root/proc/net/route"
	address eth0
	vmbus_bind --udev $dev2
	is status $status 1
	says "nobody has checked it"
}

test_default_route_of_a_nic_that_a_rule_names_does_not_count() {
	want nic
	rm -rf "$bus/devices/$dev2/net" "$bus/devices/$dev2/driver"
	vmbus_bind --udev $dev2
	is status $status 1
	says "nobody has checked it"
}

test_udev_does_not_take_a_nic_that_is_in_use() {
	want $dev
	vmbus_bind --udev $dev
	is status $status 1
	says "interface eth0 has the default route"
	log_is_empty
}

test_two_rules_do_not_count_on_each_other() {
	want nic
	networkd '[Match]' "Name=eth*" '[Network]' DHCP=yes
	for d in $dev $dev2; do
		vmbus_bind -n $d
		says "at the next boot: would not be bound to uio_hv_generic"
	done
	conf $admin/nic.conf "[$dev2]"
	counts /etc/systemd/network/10-a.network
}

test_networkd_brings_it_up() {
	want $dev2
	for lines in "Name=eth0 - DHCP=yes" "Name=eth* - DHCP=ipv4" "MACAddress=00:15:5D:00:00:01 - DHCP=true" \
		"PermanentMACAddress=00-15-5d-00-00-01 - DHCP=both" "Driver=hv_netvsc Name=e*0 - DHCP=yes" \
		"Name=eth7+eth0 - DHCP=yes" "Type=ether Name=eth0 - DHCP=yes" \
		"Name=eth0 - Address=192.168.1.5/24 Gateway=192.168.1.1"; do
		networkd '[Match]' ${lines% - *} '[Network]' ${lines#* - }
		sed -i 's/+/ /' "$root/etc/systemd/network/10-a.network"
		counts /etc/systemd/network/10-a.network
	done
	boot
	record $dev mac=00:15:5d:00:00:01 interface=eth0
	vmbus_bind --udev $dev2
	is "status at boot" $status 0
}

# Change or add one line in a configuration that brings eth0 up.
test_networkd_in_doubt() {
	want $dev2
	good() {
		networkd '[Match]' Name=eth0 '[Network]' DHCP=yes "$@"
	}
	good
	counts /etc/systemd/network/10-a.network
	for line in '[Link] Unmanaged=yes' '[Link] ActivationPolicy=manual' '[Link] ActivationPolicy=down' \
		'[DHCPv4] UseRoutes=no' '[DHCPv4] UseGateway=false' '[DHCP] UseRoutes=no' '[Network] DHCP=no' \
		'[Network] DHCP=ipv6' '[Network] Bridge=br0' '[Network] Bond=bond0' '[Match] Host=x' '[Match] Name=!eth0' \
		'[Match] Virtualization=no' '[Match] Driver=mlx5_core' '[Match] MACAddress=00:15:5d:00:00:02' nonsense; do
		good $line
		does_not_count
	done
	networkd '[Match]' '[Network]' DHCP=yes
	does_not_count
	networkd '[Network]' DHCP=yes
	does_not_count
	networkd '[Match]' Name=eth0 '[Network]' Address=192.168.1.5/24
	does_not_count
	networkd '[Match]' Name=eth1 '[Network]' DHCP=yes
	does_not_count
	good
	conf etc/systemd/network/05-first.network '[Match]' Name=eth0 '[Network]' LLDP=yes
	does_not_count
	conf etc/systemd/network/05-first.network '[Match]' Host=x '[Network]' LLDP=yes
	does_not_count
	: >"$root/etc/systemd/network/05-first.network"
	counts /etc/systemd/network/10-a.network
	mkdir -p "$root/run/systemd/network/10-a.network.d"
	does_not_count
	rmdir "$root/run/systemd/network/10-a.network.d"
	rm "$root/etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
	does_not_count
	good
	ln -s /dev/null "$root/etc/systemd/system/systemd-networkd.service"
	does_not_count
}

test_netplan_counts_while_its_files_are_current() {
	want $dev2
	mkdir -p "$root/run/systemd/network" "$root/run/systemd/system/multi-user.target.wants" "$root/etc/netplan"
	: >"$root/run/systemd/system/multi-user.target.wants/systemd-networkd.service"
	conf run/systemd/network/10-netplan-eth0.network '[Match]' Name=eth0 '[Network]' DHCP=ipv4
	does_not_count
	: >"$root/etc/netplan/50-cloud-init.yaml"
	touch -d '1 hour ago' "$root/etc/netplan/50-cloud-init.yaml" "$root/etc/netplan"
	counts /run/systemd/network/10-netplan-eth0.network
	touch -d '1 hour' "$root/etc/netplan/50-cloud-init.yaml"
	does_not_count
	touch -d '1 hour ago' "$root/etc/netplan/50-cloud-init.yaml"
	mv "$root/run/systemd/network/10-netplan-eth0.network" "$root/run/systemd/network/10-other-eth0.network"
	does_not_count
}

test_ifupdown_brings_it_up() {
	want $dev2
	for auto in "auto eth0" "allow-hotplug eth0" "auto lo eth0"; do
		ifupdown "$auto" "iface eth0 inet dhcp"
		counts /etc/network/interfaces
	done
	ifupdown "auto eth0" "iface eth0 inet static" " address 192.168.1.5/24" " gateway 192.168.1.1"
	counts /etc/network/interfaces
	ifupdown "source interfaces.d/*"
	mkdir -p "$root/etc/network/interfaces.d"
	conf etc/network/interfaces.d/eth0 "auto \\" "eth0" "iface eth0 inet6 auto" "iface eth0 inet dhcp"
	counts /etc/network/interfaces.d/eth0
	ifupdown "source-directory /etc/network/interfaces.d"
	counts /etc/network/interfaces.d/eth0
	mv "$root/etc/network/interfaces.d/eth0" "$root/etc/network/interfaces.d/eth0.bak"
	does_not_count
	ifupdown "source-directory /run/network/interfaces.d"
	mkdir -p "$root/run/network/interfaces.d"
	conf run/network/interfaces.d/eth0 "auto eth0" "iface eth0 inet dhcp"
	does_not_count
	rm "$root/etc/systemd/system/multi-user.target.wants/networking.service"
	ifupdown "auto eth0" "iface eth0 inet dhcp"
	rm "$root/etc/systemd/system/multi-user.target.wants/networking.service"
	does_not_count
	mkdir "$root/etc/rcS.d"
	: >"$root/etc/rcS.d/S12networking"
	counts /etc/network/interfaces
}

# At boot nothing shows through which NIC the machine reaches the server.
test_network_mount_at_boot_needs_a_check() {
	want $dev2
	ifupdown "auto eth0" "iface eth0 inet dhcp"
	conf etc/fstab "# /etc/fstab" "UUID=1 / ext4 defaults 0 1" "server:/srv /srv nfs noauto 0 0"
	counts /etc/network/interfaces
	for line in "server:/srv /srv nfs4 rw,hard 0 0" "//server/share /srv cifs noauto,x-systemd.automount 0 0" \
		"UUID=2 /srv xfs defaults,_netdev 0 0"; do
		echo "$line" >$root/etc/fstab
		vmbus_bind -n $dev2
		says "at the next boot: would not be bound to uio_hv_generic: at boot nothing shows whether the $(echo "$line" | cut -d ' ' -f 3) mount /srv in /etc/fstab needs it, and nobody has checked it"
	done
	# cloud-init writes this for Azure's temporary disk, which is local.
	echo "/dev/disk/cloud/azure_resource-part1 /mnt auto defaults,nofail,x-systemd.requires=cloud-init.service,_netdev,comment=cloudconfig 0 2" >$root/etc/fstab
	counts /etc/network/interfaces
	rm $root/etc/fstab
	mkdir $root/etc/fstab
	vmbus_bind -n $dev2
	says "a mount in /etc/fstab"
	rmdir $root/etc/fstab
	counts /etc/network/interfaces
	# A recorded check counts.
	echo "server:/srv /srv nfs rw 0 0" >$root/etc/fstab
	vmbus_bind $dev2
	is status $status 0
	vmbus_bind -n $dev2
	says "at the next boot: would be bound to uio_hv_generic"
}

# Each file would include ten more.
test_ifupdown_that_includes_itself() {
	want $dev2
	ifupdown "auto eth0" "iface eth0 inet dhcp"
	counts /etc/network/interfaces
	for i in 1 2 3 4 5 6 7 8 9 10; do
		echo "source /etc/network/interfaces" >>"$root/etc/network/interfaces"
	done
	out=$("$dir/vmbus-bind-model" -n $dev2) || is status $? 1
	says "at the next boot: would not be bound to uio_hv_generic: at boot nothing shows whether the machine needs it"
}

test_ifupdown_in_doubt() {
	want $dev2
	for lines in "iface eth0 inet dhcp" "auto eth1|iface eth0 inet dhcp" "auto eth0|iface eth0 inet manual" \
		"auto eth0|iface eth0 inet static|address 192.168.1.5/24" "auto eth0|iface eth0 inet6 auto" \
		"auto eth0|iface eth0 inet6 dhcp" "auto eth0|iface eth0" "auto /eth*|iface eth0 inet dhcp" \
		"auto eth0|iface eth0 inet dhcp inherits x" "auto eth0|mapping eth*|script x|iface eth0 inet dhcp" \
		"# auto eth0|iface eth0 inet dhcp" "auto br0|iface br0 inet dhcp|bridge_ports eth0" \
		"auto eth0|iface eth0 inet static|gateway 192.168.1.1"; do
		ifupdown
		echo "$lines" | tr '|' '\n' >"$root/etc/network/interfaces"
		does_not_count
	done
	ifupdown "auto eth0" "iface eth0 inet dhcp"
	rm "$root/sbin/ifup"
	does_not_count
}

test_networkmanager_brings_it_up() {
	want $dev2
	networkmanager '[connection]' type=ethernet interface-name=eth0 '[ipv4]' method=auto
	counts /etc/NetworkManager/system-connections/a.nmconnection
	networkmanager '[connection]' type=802-3-ethernet '[ethernet]' mac-address=00:15:5D:00:00:01 '[ipv4]' method=auto
	counts /etc/NetworkManager/system-connections/a.nmconnection
	networkmanager '[connection]' type=ethernet interface-name=eth0 '[ipv4]' method=manual \
		address1=192.168.1.5/24,192.168.1.1
	counts /etc/NetworkManager/system-connections/a.nmconnection
}

test_networkmanager_in_doubt() {
	want $dev2
	good() {
		networkmanager '[connection]' type=ethernet interface-name=eth0 '[ipv4]' method=auto "$@"
	}
	good
	counts /etc/NetworkManager/system-connections/a.nmconnection
	for line in '[connection] autoconnect=false' '[connection] type=wifi' '[connection] master=br0' \
		'[connection] controller=br0' '[connection] permissions=user:joe:;' '[connection] interface-name=eth1' '[ipv4] never-default=true' \
		'[ipv4] ignore-auto-routes=true' '[ipv4] method=manual' '[ipv4] method=disabled' '[match] driver=x' \
		'[ethernet] mac-address=00:15:5d:00:00:02' '[ethernet] mac-address-blacklist=x' nonsense; do
		good $line
		[ "$line" != '[connection] interface-name=eth1' ] ||
			sed -i /interface-name=eth0/d "$root/etc/NetworkManager/system-connections/a.nmconnection"
		does_not_count
	done
	networkmanager '[connection]' type=ethernet '[ipv4]' method=auto
	does_not_count
	good
	chmod 644 "$root/etc/NetworkManager/system-connections/a.nmconnection"
	does_not_count
	good
	mkdir -p "$root/usr/lib/NetworkManager/conf.d" "$root/etc/NetworkManager/conf.d"
	conf usr/lib/NetworkManager/conf.d/10-globally-managed-devices.conf '[keyfile]' 'unmanaged-devices=*,except:type:wifi'
	does_not_count
	: >"$root/etc/NetworkManager/conf.d/10-globally-managed-devices.conf"
	counts /etc/NetworkManager/system-connections/a.nmconnection
	conf etc/NetworkManager/NetworkManager.conf '[ifupdown]' managed=false
	counts /etc/NetworkManager/system-connections/a.nmconnection
	conf etc/NetworkManager/NetworkManager.conf '[device-x]' managed=0
	does_not_count
	rm "$root/etc/NetworkManager/NetworkManager.conf"
	rm "$root/etc/systemd/system/multi-user.target.wants/NetworkManager.service"
	does_not_count
}

# The name of an interface has no meaning until udev has named it.
test_kernel_name_of_another_nic_does_not_count() {
	want $dev2
	networkd '[Match]' Name=eth0 '[Network]' DHCP=yes
	rm -rf "$bus/devices/$dev2/net" "$bus/devices/$dev2/driver" "$root"/run/udev/data/*
	: >"$root/proc/net/route"
	vmbus_bind --udev $dev2
	is status $status 1
	networkd '[Match]' MACAddress=00:15:5d:00:00:01 '[Network]' DHCP=yes
	vmbus_bind --udev $dev2
	is "status without a known MAC" $status 0
}

test_remembered_name_of_another_nic_counts() {
	want $dev2
	networkd '[Match]' Name=eth0 '[Network]' DHCP=yes
	boot
	vmbus_bind --udev $dev2
	is "status without a record" $status 1
	record $dev mac=00:15:5d:00:00:01 interface=eth0
	vmbus_bind --udev $dev2
	is "status with a record" $status 0
}

test_nic_that_user_space_has_does_not_remain() {
	want $dev2
	networkd '[Match]' Name=eth0 '[Network]' DHCP=yes
	boot
	record $dev mac=00:15:5d:00:00:01 interface=eth0
	driver uio_hv_generic
	ln -s ../../drivers/uio_hv_generic "$bus/devices/$dev/driver"
	vmbus_bind --udev $dev2
	is status $status 1
}

test_interface_is_remembered_for_the_next_boot() {
	want "interface eth1"
	taken $dev2
	grep -qx interface=eth1 "$root/$state/$dev2" || fail "the interface is not recorded"
	grep -qx mac=00:15:5d:00:00:02 "$root/$state/$dev2" || fail "the MAC is not recorded"
	next_boot $dev2 bound "found that the machine can do without it"
	vmbus_bind --udev $dev
	is "driver of the other" "$(driver_of $dev)" none
}

test_mac_is_remembered_for_the_next_boot() {
	want "mac 00:15:5d:00:00:02"
	taken $dev2
	next_boot $dev2 bound "found that the machine can do without it"
}

test_mac_is_remembered_for_a_re_offer() {
	want "mac 00:15:5d:00:00:02" mode=0640
	echo ours >"$root/kernel/module"
	taken $dev2
	rm -r "$bus/devices/$dev2"
	device $dev2 $nic
	taken --udev $dev2
	is "mode of the ring" "$(stat -c %a "$bus/devices/$dev2/channels/14/ring")" 640
}

test_kernel_name_of_an_interface_is_no_name() {
	want "interface eth1" force=yes
	rm -rf "$root"/run/udev/data/*
	vmbus_bind --udev $dev2
	is status $status 0
	is driver "$(driver_of $dev2)" hv_netvsc
	record $dev2 interface=eth1
	taken --udev $dev2
}

# On the first boot with a configuration that existed before, the event of the
# interface decides.
test_new_interface_is_bound_and_remembered() {
	for name in "interface eth1" "mac 00:15:5d:00:00:02"; do
		rm -rf "$bus/devices" "$root/sys/class/net" "$root/${state:?}"
		mkdir -p "$bus/devices" "$root/sys/class/net"
		: >"$root/proc/net/route"
		want "$name" force=yes
		: >"$root/proc/net/route"
		vmbus_bind --udev --new-interface $dev2
		is status $status 0
		is "driver with [$name]" "$(driver_of $dev2)" uio_hv_generic
		grep -qx interface=eth1 "$root/$state/$dev2" || fail "the interface is not recorded"
	done
}

# Before the interface of a NIC appears, nobody knows whether a section excludes
# the NIC.
test_exclude_holds_at_the_first_boot() {
	for rule in "[nic]:force=yes:exclude=interface eth0" "[nic]:force=yes:exclude=mac 00:15:5d:00:00:01" \
		"[nic]:force=yes:[interface eth0]:enable=no" "[nic]:force=yes:[mac 00:15:5d:00:00:01]:enable=no"; do
		rm -rf "$bus/devices" "$root/sys/class/net" "$root/${state:?}"
		mkdir -p "$bus/devices" "$root/sys/class/net"
		want nic
		echo "$rule" | tr : '\n' | sed 's/^mac .*/&/' >"$root/$admin/nic.conf"
		case $rule in *mac*) echo "$rule" | sed 's/:force=yes:/\nforce=yes\n/; s/:enable=no/\nenable=no/' >"$root/$admin/nic.conf" ;; esac
		boot
		for d in $dev $dev2; do
			vmbus_bind --udev $d
			is "status of $d with $rule" $status 0
			is "driver of $d with $rule" "$(driver_of $d)" none
			says "its interface is not known yet"
		done
		for d in $dev $dev2; do
			"$root/kernel/model" driver hv_netvsc $d
			: >"$root/run/udev/data/n1"
			: >"$root/run/udev/data/n2"
			vmbus_bind --udev --new-interface $d
		done
		is "driver of the excluded one with $rule" "$(driver_of $dev)" hv_netvsc
		is "driver of the other with $rule" "$(driver_of $dev2)" uio_hv_generic
	done
}

test_released_nic_of_a_class_is_not_bound_again_by_its_interface() {
	for rule in nic $dev2 "mac 00:15:5d:00:00:02"; do
		rm -rf "$bus/devices" "$root/sys/class/net" "$root/${state:?}"
		mkdir -p "$bus/devices" "$root/sys/class/net"
		want "$rule" force=yes
		conf $admin/other.conf '[interface eth7]'
		taken $dev2
		rm -rf "$root/${state:?}"
		vmbus_bind --release $dev2
		is "driver after the release" "$(driver_of $dev2)" hv_netvsc
		: >"$root/run/udev/data/n2"
		vmbus_bind --udev --new-interface $dev2
		is "driver after the event with [$rule]" "$(driver_of $dev2)" hv_netvsc
	done
}

test_released_nic_is_not_bound_again_by_its_interface() {
	want "mac 00:15:5d:00:00:02" force=yes
	taken $dev2
	vmbus_bind --release $dev2
	is "driver after the release" "$(driver_of $dev2)" hv_netvsc
	: >"$root/run/udev/data/n2"
	vmbus_bind --udev --new-interface $dev2
	is "driver after the event" "$(driver_of $dev2)" hv_netvsc
}

# The maintainer scripts of hyperv-uio do this if its removal fails.
test_removal_that_fails_binds_the_nic_again() {
	want $dev2
	taken $dev2
	mkdir -p $root/run/hyperv-uio/next-boot
	: >$root/run/hyperv-uio/next-boot/another.released
	find $root/run/hyperv-uio/next-boot -name '*.released' >$root/run/hyperv-uio/removal
	vmbus_bind --release
	is "driver after the release" "$(driver_of $dev2)" hv_netvsc
	vmbus_bind --all
	is "driver after --all" "$(driver_of $dev2)" hv_netvsc
	find $root/run/hyperv-uio/next-boot -name '*.released' | grep -vxFf $root/run/hyperv-uio/removal | xargs rm
	is "what an administrator has released" "$(ls $root/run/hyperv-uio/next-boot)" another.released
	vmbus_bind --all
	is "driver after the removal that failed" "$(driver_of $dev2)" uio_hv_generic
	vmbus_bind --dry-run --all
	says "at the next boot"
}

test_new_interface_that_cannot_be_remembered_is_left_alone() {
	want "mac 00:15:5d:00:00:02" force=yes
	mkdir -p "$root/var/lib"
	: >"$root/$state"
	vmbus_bind --udev --new-interface $dev2
	is status $status 0
	is driver "$(driver_of $dev2)" hv_netvsc
}

test_interface_goes_down_before_the_device_is_taken() {
	want $dev2
	taken $dev2
	down=$(grep -n "interface eth1 down" "$root/kernel/log" | cut -d: -f1)
	unbind=$(grep -n "hv_netvsc/unbind" "$root/kernel/log" | cut -d: -f1)
	[ "$down" -lt "$unbind" ] || fail "down in line $down, unbound in line $unbind"
}

test_interface_that_cannot_go_down_keeps_the_device() {
	want $dev2
	echo "interface 16" >"$root/kernel/errors"
	vmbus_bind $dev2
	is status $status 1
	says "its interface cannot be set down: Device or resource busy; the device is bound to hv_netvsc"
	is override "$(cat "$bus/devices/$dev2/driver_override")" "(null)"
}

test_interface_comes_up_again_when_the_driver_refuses() {
	want $dev2
	echo 12 >"$root/kernel/probe/uio_hv_generic"
	vmbus_bind $dev2
	is status $status 1
	is driver "$(driver_of $dev2)" hv_netvsc
	is "what is up" "$(sort "$root/kernel/up" | tr '\n' ' ')" "eth0 eth1 "
}

run_tests
