#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check the identifiers that vmbusctl accepts for a device.
# shellcheck disable=SC2086,SC2154,SC2317 # GUIDs and numbers need no quotes; tests are called by name
# shellcheck source=tree.sh
. "$(dirname "$0")/tree.sh"
# shellcheck source=guest.sh
. "$(dirname "$0")/guest.sh"

# means IDENTIFIER INSTANCE
means() {
	vmbusctl show "$1"
	is "status of '$1'" $status 0
	is "'$1'" "$(echo "$out" | sed -n 's/^instance *//p')" "$2"
}

# unknown IDENTIFIER
unknown() {
	vmbusctl show "$1"
	is "status of '$1'" $status 4
	complains "no VMBus device is called '$1'"
	is "output of '$1'" "$out" ""
}

# ambiguous IDENTIFIER INSTANCE...
ambiguous() {
	id=$1
	shift
	vmbusctl show "$id"
	is "status of '$id'" $status 5
	complains "'$id' names $# devices. Name one of them:"
	for candidate in "$@"; do
		complains "$candidate"
	done
	is "candidates of '$id'" "$(echo "$err" | grep -cE '^[0-9a-f]{8}-')" $#
}

test_instance() {
	guest
	means $nic0 $nic0
	means $copy $copy
}

test_instance_in_capitals() {
	guest
	means "$(echo $copy | tr a-f A-F)" $copy
}

test_instance_in_braces() {
	guest
	means "{$copy}" $copy
	means "{$(echo $copy | tr a-f A-F)}" $copy
}

test_instance_as_driverctl_writes_it() {
	guest
	means vmbus/$copy $copy
}

test_instance_as_dpdk_writes_it() {
	guest
	means vmbus:$copy $copy
}

test_class_name() {
	guest
	means fcopy $copy
	means FCopy $copy
	means scsi $disk
	means heartbeat $heart0
}

test_class_guid() {
	guest
	means $fcopy $copy
	means "{$fcopy}" $copy
}

test_class_without_a_name() {
	guest
	device 00000000-0000-0000-0000-000000000001 00000000-0000-0000-0000-000000000002
	means 00000000-0000-0000-0000-000000000002 00000000-0000-0000-0000-000000000001
}

test_class_with_several_devices() {
	guest
	ambiguous nic $nic0 $nic1
	ambiguous net $nic0 $nic1
	ambiguous $nic $nic0 $nic1
}

test_candidates_have_interface_and_mac() {
	guest
	ambiguous nic $nic0 $nic1
	complains "$(printf '%s  nic    hv_netvsc  eth1       %s' $nic1 $mac1)"
}

test_class_without_a_device() {
	guest
	unknown vss
	unknown a9a0f4e7-5a45-4d96-b827-8a841e8c03e7
}

test_interface() {
	guest
	means eth0 $nic0
	means eth1 $nic1
	unknown eth2
	unknown ETH0
	unknown eth
}

test_interface_with_another_name() {
	guest
	mv $bus/devices/$nic1/net/eth1 $bus/devices/$nic1/net/lan-1
	means lan-1 $nic1
	unknown eth1
}

test_interface_that_user_space_took() {
	guest
	rm -r $bus/devices/$nic1/net
	unknown eth1
	put var/lib/hyperv-uio/$nic1 interface=eth1
	echo mac=$mac1 >>$root/var/lib/hyperv-uio/$nic1
	means eth1 $nic1
	means $mac1 $nic1
}

# The record of a device has no effect while the device has an interface.
test_interface_that_came_back() {
	guest
	put var/lib/hyperv-uio/$nic1 interface=eth9
	unknown eth9
	means eth1 $nic1
}

test_interface_behind_a_bridge() {
	guest
	vf=00000001-0000-0000-0000-00000000000a
	device $vf 44c4f61d-4444-4400-9d52-802e27ede19f hv_pci
	mkdir -p "$bus/devices/$vf/pci0001:00/0001:00:02.0/net/enP1s1"
	echo $mac0 >"$bus/devices/$vf/pci0001:00/0001:00:02.0/net/enP1s1/address"
	means enP1s1 $vf
	# A virtual function has the address of its NIC.
	means $mac0 $nic0
}

test_mac() {
	guest
	means $mac0 $nic0
	means "$(echo $mac0 | tr a-f A-F)" $nic0
	means "$(echo $mac1 | tr : -)" $nic1
	unknown 00:15:5d:01:02:04
	unknown 00:15:5d-01:02:03
	unknown 00:15:5d:01:02
	unknown 00:15:5d:01:02:0g
}

test_mac_of_two_devices() {
	guest
	echo $mac0 >$bus/devices/$nic1/net/eth1/address
	ambiguous $mac0 $nic0 $nic1
}

test_uio() {
	guest
	means uio0 $copy
	means /dev/uio0 $copy
	unknown uio1
	unknown uio
	unknown /dev/uio1
	unknown /dev/null
}

test_uio_is_no_prefix() {
	guest
	unknown uio00
	unknown /dev/uio0/
}

test_link() {
	guest
	means /dev/vmbus/by-class/fcopy $copy
	means /dev/vmbus/by-id/$copy $copy
	means by-class/fcopy $copy
	means vmbus/by-class/fcopy $copy
	unknown by-class/kvp
	unknown /dev/vmbus/by-class/kvp
}

test_link_with_a_name_of_its_own() {
	guest
	ln -s ../uio0 $root/dev/vmbus/copy-me
	ln -s uio0 $root/dev/copy-too
	means copy-me $copy
	means /dev/vmbus/copy-me $copy
	means copy-too $copy
}

test_link_to_something_else() {
	guest
	ln -s ../null $root/dev/vmbus/nothing
	unknown nothing
	ln -s ../uio5 $root/dev/vmbus/stale
	unknown stale
}

test_prefix() {
	guest
	means eb76 $copy
	means EB76 $copy
	means e $copy
	means "{eb765408" $copy
	means eb765408-105f $copy
	means 0 $nic0
	means vmbus/eb76 $copy
	unknown eb77
	unknown eb765408-105g
}

test_prefix_of_several_devices() {
	guest
	ambiguous f $disk $heart0
	means f8 $disk
	means fd $heart0
}

# "fc" is a class, "fd" is the beginning of a GUID, and "fcopy" is a class and
# no prefix.
test_name_comes_before_prefix() {
	guest
	device fc000000-0000-0000-0000-000000000001 $kvp
	means fc fc000000-0000-0000-0000-000000000001
	device 00000000-0000-0000-0000-0000000000fc 2f9bcc4a-0069-4af3-b76b-6fd0be528cda
	means fc 00000000-0000-0000-0000-0000000000fc
}

test_instance_comes_before_class() {
	guest
	device $fcopy $kvp
	means $fcopy $fcopy
}

test_nothing_is_no_prefix() {
	guest
	unknown ""
	unknown "{"
	unknown -
}

test_prefix_that_is_too_long() {
	guest
	unknown ${copy}0
}

# "fcopy" names the class, although an interface may have that name, too.
test_name_of_two_kinds() {
	guest
	mv $bus/devices/$nic1/net/eth1 $bus/devices/$nic1/net/fcopy
	ambiguous fcopy $nic1 $copy
}

# Each command takes every kind of identifier.
test_every_command_takes_them() {
	guest
	for id in $copy "{$copy}" fcopy uio0 /dev/uio0 by-class/fcopy eb76 vmbus/$copy; do
		for command in show list "watch -c 1" rules ring-size "bind --boot" "set-override --noprobe"; do
			case $command in
			set-override*) vmbusctl $command "$id" uio_hv_generic ;;
			*) vmbusctl $command "$id" ;;
			esac
			is "status of '$command $id' ($err)" $status 0
		done
		for command in "unbind --boot" "unset-override --noprobe"; do
			vmbusctl $command "$id"
			is "status of '$command $id' ($err)" $status 0
		done
	done
}

# bind, unbind and ring-size work on one device; watch, list and rules show all
# devices that are named.
test_ambiguous_identifier_changes_nothing() {
	guest
	for command in "bind nic" "bind --now nic" "bind --boot nic" "unbind nic" "unbind --now nic" \
		"set-override nic uio_hv_generic" "unset-override nic" "ring-size nic 64K"; do
		vmbusctl $command
		is "status of $command" $status 5
		complains $nic0
		complains $nic1
	done
	log_is_empty
	is files "$(ls $root/$admin)" ""
}

run_tests
