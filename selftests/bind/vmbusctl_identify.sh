#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check the identifiers that vmbusctl accepts for a device.
# shellcheck disable=SC2086,SC2154,SC2317 # GUIDs and numbers need no quotes; tests are called by name
# shellcheck source=tree.sh
command . "$(dirname "$0")/tree.sh" || exit 1
# shellcheck source=guest.sh
command . "$(dirname "$0")/guest.sh" || exit 1

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
	complains "vmbusctl: $1: no VMBus device has this name"
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
		complains "${candidate%%-*}  "
	done
	is "candidates of '$id'" "$(echo "$err" | grep -cE '^[0-9a-f]{8} ')" $#
}

test_instance() {
	means $nic0 $nic0
	means $copy $copy
}

test_instance_in_capitals() {
	means "$(echo $copy | tr a-f A-F)" $copy
}

test_instance_in_braces() {
	means "{$copy}" $copy
	means "{$(echo $copy | tr a-f A-F)}" $copy
}

test_instance_as_driverctl_writes_it() {
	means vmbus/$copy $copy
}

test_instance_as_dpdk_writes_it() {
	means vmbus:$copy $copy
}

test_class_name() {
	means fcopy $copy
	means FCopy $copy
	means scsi $disk
	means heartbeat $heart0
}

test_class_guid() {
	means $fcopy $copy
	means "{$fcopy}" $copy
}

test_class_without_a_name() {
	device 00000000-0000-0000-0000-000000000001 00000000-0000-0000-0000-000000000002
	means 00000000-0000-0000-0000-000000000002 00000000-0000-0000-0000-000000000001
}

test_class_with_several_devices() {
	ambiguous nic $nic0 $nic1
	ambiguous net $nic0 $nic1
	ambiguous $nic $nic0 $nic1
}

test_candidates_have_interface_and_mac() {
	ambiguous nic $nic0 $nic1
	complains "$(printf '%s  nic    hv_netvsc  -    eth1       %s' ${nic1%%-*} $mac1)"
}

test_class_without_a_device() {
	unknown vss
	unknown a9a0f4e7-5a45-4d96-b827-8a841e8c03e7
}

test_interface() {
	means eth0 $nic0
	means eth1 $nic1
	unknown eth2
	unknown ETH0
	unknown eth
}

test_interface_with_another_name() {
	mv $bus/devices/$nic1/net/eth1 $bus/devices/$nic1/net/lan-1
	means lan-1 $nic1
	unknown eth1
}

test_interface_that_user_space_took() {
	rm -r $bus/devices/$nic1/net
	unknown eth1
	put run/hyperv-uio/interface/$nic1 "eth1 $mac1"
	means eth1 $nic1
	means $mac1 $nic1
}

# The note of a device has no effect while the device has an interface.
test_interface_that_came_back() {
	put run/hyperv-uio/interface/$nic1 eth9
	unknown eth9
	means eth1 $nic1
}

test_interface_behind_a_bridge() {
	vf=00000001-0000-0000-0000-00000000000a
	device $vf 44c4f61d-4444-4400-9d52-802e27ede19f hv_pci
	mkdir -p "$bus/devices/$vf/pci0001:00/0001:00:02.0/net/enP1s1"
	echo $mac0 >"$bus/devices/$vf/pci0001:00/0001:00:02.0/net/enP1s1/address"
	ln -s "../../bus/vmbus/devices/$vf/pci0001:00/0001:00:02.0/net/enP1s1" "$root/sys/class/net/enP1s1"
	means enP1s1 $vf
	# A virtual function has the address of its NIC.
	means $mac0 $nic0
}

test_mac() {
	means $mac0 $nic0
	means "$(echo $mac0 | tr a-f A-F)" $nic0
	means "$(echo $mac1 | tr : -)" $nic1
	unknown 00:15:5d:01:02:04
	unknown 00:15:5d-01:02:03
	unknown 00:15:5d:01:02
	unknown 00:15:5d:01:02:0g
}

test_mac_of_two_devices() {
	echo $mac0 >$bus/devices/$nic1/net/eth1/address
	ambiguous $mac0 $nic0 $nic1
}

test_uio() {
	means uio0 $copy
	means /dev/uio0 $copy
	unknown uio1
	unknown uio
	unknown /dev/uio1
	unknown /dev/null
}

test_uio_is_no_prefix() {
	unknown uio00
	unknown /dev/uio0/
}

test_link() {
	means /dev/vmbus/by-class/fcopy $copy
	means /dev/vmbus/by-id/$copy $copy
	means by-class/fcopy $copy
	means vmbus/by-class/fcopy $copy
	unknown by-class/kvp
	unknown /dev/vmbus/by-class/kvp
}

test_link_with_a_name_of_its_own() {
	ln -s ../uio0 $root/dev/vmbus/copy-me
	ln -s uio0 $root/dev/copy-too
	means copy-me $copy
	means /dev/vmbus/copy-me $copy
	means copy-too $copy
}

test_link_to_something_else() {
	ln -s ../null $root/dev/vmbus/nothing
	unknown nothing
	ln -s ../uio5 $root/dev/vmbus/stale
	unknown stale
}

test_prefix() {
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
	ambiguous f $disk $heart0
	means f8 $disk
	means fd $heart0
}

# "fc" is a class, "fd" is the beginning of a GUID, and "fcopy" is a class and
# no prefix.
test_name_comes_before_prefix() {
	device fc000000-0000-0000-0000-000000000001 $kvp
	means fc fc000000-0000-0000-0000-000000000001
	device 00000000-0000-0000-0000-0000000000fc 2f9bcc4a-0069-4af3-b76b-6fd0be528cda
	means fc 00000000-0000-0000-0000-0000000000fc
}

test_instance_comes_before_class() {
	device $fcopy $kvp
	means $fcopy $fcopy
}

test_nothing_is_no_prefix() {
	unknown ""
	unknown "{"
	unknown -
}

test_prefix_that_is_too_long() {
	unknown ${copy}0
}

# "fcopy" names the class, although an interface may have that name, too.
test_name_of_two_kinds() {
	mv $bus/devices/$nic1/net/eth1 $bus/devices/$nic1/net/fcopy
	ambiguous fcopy $nic1 $copy
}

# ready: make a guest in which rules of their own bind the file copy device and
# the NIC eth1 to uio_hv_generic, as uio0 and uio1. After the first time, copy
# it.
ready() {
	if [ -d "$base/ready" ]; then
		rm -r "$root"
		cp -a "$base/ready" "$root"
		return
	fi
	guest
	driver other
	rm $root/$vendor/10-fcopy.conf
	# The kernel's own driver of the file copy device
	echo $fcopy >>$root/kernel/ids/hv_utils
	: >$root/kernel/ids/uio_hv_generic
	vmbusctl bind fcopy
	vmbusctl bind eth1
	ln -s ../../uio1 $root/dev/vmbus/by-id/$nic1
	mkdir $root/dev/vmbus/by-class/nic
	ln -s ../../../uio1 $root/dev/vmbus/by-class/nic/$nic1
	cp -a "$root" "$base/ready"
}

# names_of DEVICE: print identifiers of a device of ready(). Together, both
# devices have an identifier of each kind.
names_of() {
	case $1 in
	"$copy") echo $copy eb76 fcopy $fcopy by-class/fcopy ;;
	"$nic1") echo "{$nic1}" vmbus:$nic1 eth1 $mac1 uio1 ;;
	esac
}

# situation: print all rules, and the drivers of all devices
situation() {
	find "$root/$admin" "$bus/devices" \( -name '*.conf' -o -name driver \) -printf '%P %l\n' | sort
}

# acts DRIVER RULE COMMAND...: run a command. Check that $device has DRIVER
# afterwards, that its own rule names the driver RULE, or that it has no rule if
# this is "", and that the situation of the other devices is still $others.
acts() {
	want_driver=$1 want_rule=$2
	shift 2
	vmbusctl "$@"
	is "status of '$*' ($err)" $status 0
	is "driver after '$*'" "$(driver_of $device)" $want_driver
	is "driver of the rule after '$*'" "$(sed -n 's/^driver=//p' "$root/$admin/60-$device.conf" 2>/dev/null || :)" "$want_rule"
	is "other devices after '$*'" "$(situation | grep -v $device)" "$others"
}

test_every_command_shows_the_device_that_is_meant() {
	ready
	for device in $copy $nic1; do
		size="20 KiB"
		[ $device = $copy ] || size="2048 KiB"
		for id in $(names_of $device); do
			for command in list show "watch -c 1"; do
				vmbusctl $command "$id"
				is "status of '$command $id' ($err)" $status 0
				is "devices of '$command $id'" "$(echo "$out" | sed -nE 's/^(instance +)?([0-9a-f]{8})[ -].*/\2/p' | sort -u)" ${device%%-*}
			done
			vmbusctl ring-size "$id"
			is "status of 'ring-size $id' ($err)" $status 0
			is "size of 'ring-size $id'" "$(echo "$out" | sed -n 's/^now *//p')" "$size"
		done
	done
}

test_every_command_changes_the_device_that_is_meant() {
	for device in $copy $nic1; do
		ready
		own=hv_utils
		[ $device = $copy ] || own=hv_netvsc
		others=$(situation | grep -v $device)
		for id in $(names_of $device); do
			ready
			acts $own "" unbind "$id"
			ready
			acts $own "" unset-override "$id"
			ready
			acts $own uio_hv_generic unbind --now "$id"
			ready
			acts $own uio_hv_generic --nosave unset-override "$id"
			ready
			acts other other bind "$id" other
			ready
			acts other other set-override "$id" other
			ready
			acts other uio_hv_generic --nosave set-override "$id" other
			# These keep the driver, so each identifier remains.
			ready
			acts uio_hv_generic uio_hv_generic ring-size "$id" 64K
			is "size after 'ring-size $id 64K'" "$(cat $bus/devices/$device/uio_hv_generic/ring_size)" 65536
			acts uio_hv_generic "" unbind --boot "$id"
			acts uio_hv_generic other bind --boot "$id" other
			acts uio_hv_generic "" --noprobe unset-override "$id"
			acts uio_hv_generic other --noprobe set-override "$id" other
			acts other other bind --now "$id" other
		done
	done
}

# The kernel has the NIC, with an interface and without a rule.
test_commands_bind_the_nic_that_is_meant() {
	device=$nic1
	others=$(situation | grep -v $device)
	for id in b665 eth1 $mac1; do
		guest
		acts hv_netvsc uio_hv_generic bind --boot "$id"
		acts uio_hv_generic uio_hv_generic bind "$id"
		guest
		acts uio_hv_generic "" bind --now "$id"
		guest
		acts uio_hv_generic uio_hv_generic set-override "$id" uio_hv_generic
	done
}

# The tests above must run each command that takes a device.
test_every_command_is_tested() {
	for command in $("$dir/vmbusctl" complete vmbusctl "" | cut -f 1); do
		case $command in
		list | show | watch | bind | unbind | set-override | unset-override | ring-size) ;;
		doctor | list-overrides | --help | --version) ;; # these take no device
		*) fail "no test here runs 'vmbusctl $command'" ;;
		esac
	done
}

# bind, unbind and ring-size work on one device; watch and list show all devices
# that are named.
test_ambiguous_identifier_changes_nothing() {
	for command in "bind nic" "bind --now nic" "bind --boot nic" "unbind nic" "unbind --now nic" \
		"set-override nic uio_hv_generic" "unset-override nic" "ring-size nic 64K"; do
		vmbusctl $command
		is "status of $command" $status 5
		complains ${nic0%%-*}
		complains ${nic1%%-*}
	done
	log_is_empty
	is files "$(ls $root/$admin)" ""
}

run_tests guest
