#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check the identifiers that vmbusctl accepts for a device.
# shellcheck disable=SC2086,SC2154,SC2317 # GUIDs and numbers need no quotes; tests are called by name
# shellcheck source=guest.sh
command . "$(dirname "$0")/guest.sh" || exit 1

# means IDENTIFIER INSTANCE
means() {
	does 0 show "$1"
	is "'$1'" "$(echo "$out" | sed -n 's/^instance *//p')" "$2"
}

# unknown IDENTIFIER...
unknown() {
	for id in "$@"; do
		does 4 show "$id"
		complains "vmbusctl: $id: no VMBus device has this name"
		is "output of '$id'" "$out" ""
	done
}

# ambiguous IDENTIFIER INSTANCE...
ambiguous() {
	id=$1
	shift
	does 5 show "$id"
	complains "'$id' names $# devices. Name one of them:"
	for candidate in "$@"; do
		complains "${candidate%%-*}  "
	done
	is "candidates of '$id'" "$(echo "$err" | grep -cE '^[0-9a-f]{8} ')" $#
}

test_instance_and_class() {
	means $nic0 $nic0
	means "{$(echo $copy | tr a-f A-F)}" $copy
	# as driverctl and DPDK write it
	means vmbus/$copy $copy
	means vmbus:$copy $copy
	means FCopy $copy
	means scsi $disk
	means "{$fcopy}" $copy
	device 00000000-0000-0000-0000-000000000001 00000000-0000-0000-0000-000000000002
	means 00000000-0000-0000-0000-000000000002 00000000-0000-0000-0000-000000000001
	unknown vss a9a0f4e7-5a45-4d96-b827-8a841e8c03e7 ${copy}0
}

test_class_with_several_devices() {
	ambiguous net $nic0 $nic1
	ambiguous $nic $nic0 $nic1
	ambiguous nic $nic0 $nic1
	complains "$(printf '%s  nic    hv_netvsc  -    eth1       %s' ${nic1%%-*} $mac1)"
}

test_interface() {
	means eth0 $nic0
	means eth1 $nic1
	unknown eth2 ETH0 eth
}

test_interface_that_user_space_took() {
	# The note of a device has no effect while the device has an interface.
	put run/hyperv-uio/interface/$nic1 "eth9 $mac1"
	unknown eth9
	means eth1 $nic1
	rm -r $bus/devices/$nic1/net
	unknown eth1
	means eth9 $nic1
	means $mac1 $nic1
}

test_interface_behind_a_bridge() {
	bridge
	means enP1s1 $vf
	# A virtual function has the address of its NIC.
	means $mac0 $nic0
}

test_mac() {
	means "$(echo $mac0 | tr a-f A-F)" $nic0
	means "$(echo $mac1 | tr : -)" $nic1
	unknown 00:15:5d:01:02:04 00:15:5d-01:02:03 00:15:5d:01:02 00:15:5d:01:02:0g
	echo $mac0 >$bus/devices/$nic1/net/eth1/address
	ambiguous $mac0 $nic0 $nic1
}

test_uio() {
	means uio0 $copy
	means /dev/uio0 $copy
	unknown uio1 uio uio00 /dev/uio1 /dev/uio0/ /dev/null
}

test_link() {
	ln -s ../uio0 $root/dev/vmbus/copy-me
	ln -s uio0 $root/dev/copy-too
	for name in /dev/vmbus/by-class/fcopy by-class/fcopy vmbus/by-class/fcopy copy-me /dev/vmbus/copy-me copy-too; do
		means $name $copy
	done
	ln -s ../null $root/dev/vmbus/nothing
	ln -s ../uio5 $root/dev/vmbus/stale
	unknown by-class/kvp /dev/vmbus/by-class/kvp nothing stale
}

test_prefix() {
	for name in eb76 EB76 e "{eb765408" eb765408-105f vmbus/eb76; do
		means "$name" $copy
	done
	unknown eb77 eb765408-105g "" "{" -
	ambiguous f $disk $heart0
	means f8 $disk
}

test_name_comes_before_prefix() {
	device fc000000-0000-0000-0000-000000000001 $kvp
	means fc fc000000-0000-0000-0000-000000000001
	device 00000000-0000-0000-0000-0000000000fc 2f9bcc4a-0069-4af3-b76b-6fd0be528cda
	means fc 00000000-0000-0000-0000-0000000000fc
	device $fcopy $kvp
	means $fcopy $fcopy
	mv $bus/devices/$nic1/net/eth1 $bus/devices/$nic1/net/scsi
	ambiguous scsi $nic1 $disk
}

# bind, unbind and ring-size work on one device; watch and list show all devices
# that are named.
test_ambiguous_identifier_changes_nothing() {
	for command in "bind nic" "bind --now nic" "bind --boot nic" "unbind nic" "unbind --now nic" \
		"set-override nic uio_hv_generic" "unset-override nic" "ring-size nic 64K"; do
		does 5 $command
		complains ${nic0%%-*}
		complains ${nic1%%-*}
	done
	log_is_empty
	is files "$(ls $root/$admin)" ""
}

run_tests guest
