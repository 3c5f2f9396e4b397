#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Test the rule for NICs and disk controllers: vmbus-bind takes a NIC only if
# its interface, and each interface above and below it, is down. It does so at
# boot, on hot-plug, by hand and in the preview.
# shellcheck disable=SC2016,SC2086,SC2154,SC2317 # GUIDs and numbers need no quotes; the model expands what is in single quotes; tests are called by name
# shellcheck source=tree.sh
command . "$(dirname "$0")/tree.sh" || exit 1

# Make two NICs, eth0, which is up, and eth1, which is down, and a rule for one
# of them.
want() { # NAME LINE...
	name=$1
	shift
	nic $dev eth0 1
	nic $dev2 eth1 2
	up eth0
	conf $admin/nic.conf "[$name]" driver=uio_hv_generic "$@"
}

# Check that each way to bind the device refuses it, for the interface that is
# up, names the arguments of ip link set that allow it, and asks the kernel for
# nothing.
refused() { # DEVICE INTERFACE [ARGUMENTS]
	: >"$root/kernel/log"
	why="interface $2 is up; 'ip link set ${3-$2 down}' allows it"
	for form in $1 "--udev $1" "--udev --new-interface $1" "--udev --all"; do
		vmbus_bind_does 1 $form
		says "$1 (nic): not bound to uio_hv_generic: $why ($root/$admin/nic.conf:1)"
	done
	log_is_empty
	vmbus_bind_does 1 -n "$1"
	says "$1 (nic): would not be bound to uio_hv_generic: $why"
}

test_nic_that_is_down_is_taken() {
	for form in $dev2 "--udev $dev2" "--udev --new-interface $dev2" "--udev --all"; do
		tree
		want $dev2
		vmbus_bind -n $dev2
		says "$dev2 (nic): would be bound to uio_hv_generic, taken over from hv_netvsc: its interface is down"
		taken $form
		is "driver after '$form'" "$(driver_of $dev2)" uio_hv_generic
		is "driver of the other" "$(driver_of $dev)" hv_netvsc
		! grep -q "^interface" "$root/kernel/log" || fail "an interface was set down"
	done
}

test_nic_that_is_up_stays() {
	want $dev
	refused $dev eth0
	"$root/kernel/model" interface eth0 down
	taken $dev
}

# Azure's usual picture: the address is on eth1, or on its virtual function, and
# the traffic goes through the virtual function.
test_virtual_function_that_is_up_keeps_the_nic() {
	want $dev2
	virtual_function ens1 2
	up ens1
	refused $dev2 ens1
	# Since 4.14 the virtual function is linked, and eth1 is its master.
	interface eth1 ens1
	ln -s ../eth1 "$root/sys/class/net/ens1/master"
	refused $dev2 ens1
	# A MAC of its own does not hide it.
	echo 00:15:5d:99:99:99 >"$root/sys/class/net/ens1/address"
	refused $dev2 ens1
	up eth1
	refused $dev2 eth1
}

test_virtual_function_that_is_down_or_of_another_nic_does_not() {
	want $dev2
	virtual_function ens1 2
	interface eth1 ens1
	virtual_function ens2 1
	up ens2
	taken $dev2
}

test_nic_below_an_interface_that_is_up_stays() {
	want $dev2
	below=eth1
	for name in bond0 br0 v1 v2 v3 v4; do
		interface $name $below
		below=$name
	done
	up v4
	refused $dev2 v4
	taken --force $dev2
}

# A bridge may also have the NIC that the machine needs.
test_nic_with_a_master_that_is_up_stays() {
	for member in eth1 eth1.7; do
		tree
		want $dev2
		interface eth1.7 eth1
		interface br0
		ln -s ../br0 "$root/sys/class/net/$member/master"
		up br0
		refused $dev2 br0 "$member nomaster"
	done
}

# The members of a bond have one MAC. The other member is no part of the stack.
test_other_member_of_a_bond_does_not_matter() {
	want $dev2
	interface bond0 eth0 eth1
	for name in eth0 eth1; do
		ln -s ../bond0 "$root/sys/class/net/$name/master"
		echo 00:15:5d:00:00:01 >"$root/sys/class/net/$name/address"
	done
	virtual_function ens5 1
	ln -s ../bond0 "$root/sys/class/net/ens5/master"
	up ens5
	taken $dev2
	is "what is up" "$(tr '\n' ' ' <"$root/kernel/up")" "eth0 ens5 "
}

# A rule for a MAC is about the NIC that has it outside of a bond.
test_mac_of_a_member_of_a_bond() {
	want "mac 00:15:5d:00:00:02" force=yes
	for number in 0 1; do
		mkdir "$root/sys/class/net/eth$number/bonding_slave"
		echo 00:15:5d:00:00:0$((number + 1)) >"$root/sys/class/net/eth$number/bonding_slave/perm_hwaddr"
		echo 00:15:5d:00:00:02 >"$root/sys/class/net/eth$number/address"
	done
	taken --all
	is "driver of the NIC" "$(driver_of $dev2)" uio_hv_generic
	is "driver of the other" "$(driver_of $dev)" hv_netvsc
}

# With --force, the stack that was judged goes down, and nothing else. What is
# above the NIC comes up again afterwards, because other NICs use it.
test_stack_goes_down_by_force() {
	want $dev2
	virtual_function ens1 2
	interface bond0 eth1 eth0
	interface bond0.7 bond0
	interface br0 bond0
	up ens1 bond0 bond0.7 eth1
	vmbus_bind -n --force $dev2
	says "would be bound to uio_hv_generic, taken over from hv_netvsc: --force"
	taken --force $dev2
	for name in eth1 ens1 bond0 bond0.7; do
		grep -qx "interface $name down" "$root/kernel/log" || fail "$name is not down"
	done
	is "what is up" "$(tr '\n' ' ' <"$root/kernel/up")" "eth0 bond0 bond0.7 "
}

test_interface_that_goes_with_the_nic_stays_down() {
	want $dev2
	interface eth1.7 eth1
	up eth1 eth1.7
	before '*/unbind*' "rm -rf '$root/sys/class/net/eth1.7'"
	taken --force $dev2
	is "what is up" "$(cat "$root/kernel/up")" eth0
	is lines "$(echo "$out" | wc -l)" 1
}

test_stack_goes_down_with_force_in_the_file() {
	want $dev2 force=yes
	up eth1
	taken --udev $dev2
	is "what is up" "$(cat "$root/kernel/up")" eth0
	down=$(grep -n "interface eth1 down" "$root/kernel/log" | cut -d: -f1)
	unbind=$(grep -n "hv_netvsc/unbind" "$root/kernel/log" | cut -d: -f1)
	[ "$down" -lt "$unbind" ] || fail "down in line $down, unbound in line $unbind"
}

test_interface_that_cannot_go_down_keeps_the_device() {
	want $dev2 force=yes
	up eth1
	echo "interface 16" >"$root/kernel/errors"
	kept hv_netvsc $dev2
	says "its interface cannot be set down: Device or resource busy; the device is bound to hv_netvsc"
	is override "$(cat "$bus/devices/$dev2/driver_override")" "(null)"
}

test_interface_comes_up_again_when_the_driver_refuses() {
	want $dev2 force=yes
	interface bond0 eth1
	up eth1 bond0
	echo 12 >"$root/kernel/probe/uio_hv_generic"
	kept hv_netvsc $dev2
	is "what is up" "$(sort "$root/kernel/up" | tr '\n' ' ')" "bond0 eth0 eth1 "
}

# While modprobe runs, udev gives eth1 another name, and somebody sets it up.
test_interface_that_gets_another_name_meanwhile_counts() {
	for force in "" --force; do
		tree
		want $dev2
		before 'load*' "mv '$bus/devices/$dev2/net/eth1' '$bus/devices/$dev2/net/ens1'
			rm '$root/sys/class/net/eth1'
			ln -s '../../bus/vmbus/devices/$dev2/net/ens1' '$root/sys/class/net/ens1'
			echo 0x1003 >'$root/sys/class/net/ens1/flags'
			echo ens1 >>'$root/kernel/up'"
		vmbus_bind $force $dev2
		if [ "$force" ]; then
			is "driver with --force" "$(driver_of $dev2)" uio_hv_generic
			grep -qx "interface ens1 down" "$root/kernel/log" || fail "ens1 is not down"
		else
			is driver "$(driver_of $dev2)" hv_netvsc
			says "not bound to uio_hv_generic: interface ens1 is up; 'ip link set ens1 down' allows it"
			is override "$(cat "$bus/devices/$dev2/driver_override")" "(null)"
		fi
	done
}

# While modprobe runs, a container gets the interface.
test_interface_that_goes_to_another_namespace_meanwhile_counts() {
	want $dev2
	before 'load*' "rm -r '$bus/devices/$dev2/net' '$root/sys/class/net/eth1'"
	vmbus_bind_does 1 $dev2
	says "not bound to uio_hv_generic: its interface is missing; it may be in another network namespace"
}

# sysfs shows the interfaces of one network namespace.
test_nic_in_another_network_namespace_stays() {
	want $dev2
	rm -r "$bus/devices/$dev2/net" "$root/sys/class/net/eth1"
	vmbus_bind_does 1 $dev2
	says "not bound to uio_hv_generic: its interface is missing; it may be in another network namespace"
	# hv_netvsc may be about to make the interface, whose event follows.
	vmbus_bind_does 0 --udev $dev2
	says "left alone: its interface is missing"
	is driver "$(driver_of $dev2)" hv_netvsc
	taken --force $dev2
}

test_flags_that_cannot_be_read_keep_the_nic() {
	want $dev2
	rm "$root/sys/class/net/eth1/flags"
	ln -s flags "$root/sys/class/net/eth1/flags"
	vmbus_bind_does 1 $dev2
	says "it is unknown whether interface eth1 is up: Too many levels of symbolic links"
}

test_class_of_nics_needs_force() {
	for class in nic scsi ide fc pcie; do
		tree
		want $class
		vmbus_bind_does 2 --check
		says "$admin/nic.conf:1: a section for the class $class needs force=yes or enable=no, because it names every device of the class"
		vmbus_bind_does 2 $dev2
		conf $admin/nic.conf "[$class]" enable=no '[fcopy]'
		vmbus_bind_does 0 --check
	done
	is driver "$(driver_of $dev2)" hv_netvsc
	conf $admin/nic.conf '[nic]' force=yes "[$dev]" enable=no
	taken $dev2
	taken --all
	is driver "$(driver_of $dev)" hv_netvsc
}

test_disk_controller_needs_force() {
	driver hv_storvsc $scsi
	device $dev $scsi hv_storvsc
	for force in "" force=no; do
		conf $admin/nic.conf "[$dev]" $force
		for form in "" --udev; do
			vmbus_bind_does 1 $form $dev
			says "a disk controller or a PCI Express bridge needs force=yes"
		done
	done
	is driver "$(driver_of $dev)" hv_storvsc
	conf $admin/nic.conf "[$dev]" force=yes
	taken --udev $dev
}

# The kernel of kdump has a /proc/vmcore.
test_kdump_kernel_binds_nothing() {
	want $dev2 force=yes
	conf $admin/a.conf '[kvp]'
	device $third a9a0f4e7-5a45-4d96-b827-8a841e8c03e6
	mkdir -p "$root/proc"
	: >"$root/proc/vmcore"
	for form in "--force $dev2" "--udev $dev2" "--udev --new-interface $dev2" "--udev --all"; do
		vmbus_bind_does 0 $form
		says "left alone: a kdump kernel binds nothing"
	done
	log_is_empty
	rm "$root/proc/vmcore"
	taken --udev $third
}

test_check_warns_of_a_nic_that_is_up() {
	want "interface eth0"
	vmbus_bind_does 0 --check
	says "nic.conf:1: warning: $dev is left alone now: interface eth0 is up; 'ip link set eth0 down' allows it"
	conf $admin/nic.conf "[interface eth0]" force=yes
	vmbus_bind --check
	is "output with force" "$out" ""
	conf $admin/nic.conf "[interface eth1]"
	vmbus_bind --check
	is "output for a NIC that is down" "$out" ""
}

# Rules that name the interface reach the UIO device, but only in this boot.
test_interface_is_noted_until_the_next_boot() {
	want "interface eth1" mode=0640
	echo ours >"$root/kernel/module"
	taken $dev2
	is note "$(cat "$root/run/hyperv-uio/interface/$dev2")" "eth1 00:15:5d:00:00:02"
	is "mode of the ring" "$(stat -c %a "$bus/devices/$dev2/channels/14/ring")" 640
	# An event keeps the note, even while a file has a fault.
	conf $admin/bad.conf "[$dev2]" nonsense
	vmbus_bind --udev $dev2
	rm "$root/$admin/bad.conf"
	vmbus_bind --properties $dev2
	says HYPERV_UIO_MODE=0640
	boot
	[ ! -e "$root/var/lib/hyperv-uio" ] || fail "something is remembered"
	vmbus_bind --udev $dev2
	is "driver before the interface is there" "$(driver_of $dev2)" none
}

test_kernel_name_is_not_noted() {
	want "mac 00:15:5d:00:00:02"
	rm -rf "$root"/run/udev/data/*
	taken --udev $dev2
	is note "$(cat "$root/run/hyperv-uio/interface/$dev2")" "- 00:15:5d:00:00:02"
	conf $admin/other.conf '[interface eth1]' link=other
	vmbus_bind --properties $dev2
	is "link of the other NIC" "$(echo "$out" | grep -c LINK=other)" 0
	vmbus_bind -n $dev2
	says "stays bound to uio_hv_generic"
}

# It was bound before hv_netvsc made an interface, so the note has no name.
test_nic_without_a_known_interface_stays_bound() {
	want $dev2
	conf $admin/other.conf '[interface eth7]' '[mac 00:15:5d:00:00:07]'
	taken $dev2
	rm -r "$root/run/hyperv-uio/interface"
	vmbus_bind -n $dev2
	says "$dev2 (nic): stays bound to uio_hv_generic"
	taken --udev $dev2
}

# The module was unloaded, or a run of vmbus-bind was killed.
test_nic_that_an_override_keeps_without_a_driver_is_bound_again() {
	for form in "--udev $dev2" --all --release; do
		tree
		want "mac 00:15:5d:00:00:02"
		taken $dev2
		"$root/kernel/model" write /sys/bus/vmbus/drivers/uio_hv_generic/unbind $dev2
		vmbus_bind_does 0 $form
		case $form in
		--release) is "driver after $form" "$(driver_of $dev2)" hv_netvsc ;;
		*) is "driver after $form" "$(driver_of $dev2)" uio_hv_generic ;;
		esac
	done
}

# The note of a NIC is stale after a new offer. hv_netvsc may make the interface
# before udev runs vmbus-bind for the NIC, and udev names it later.
test_interface_is_compared_anew_after_a_re_offer() {
	for interface in early late; do
		tree
		want "interface eth1"
		taken $dev2
		rm -r "$bus/devices/$dev2" "$root/run/udev/data/n2"
		device $dev2 $nic
		[ $interface = late ] || "$root/kernel/model" driver hv_netvsc $dev2
		vmbus_bind_does 0 --udev $dev2
		says "waiting for its interface"
		[ $interface = early ] || "$root/kernel/model" driver hv_netvsc $dev2
		is "driver before udev has named the interface" "$(driver_of $dev2)" hv_netvsc
		: >"$root/run/udev/data/n2"
		taken --udev --new-interface $dev2
	done
}

# Before the interface of a NIC appears, nobody knows whether a section names
# the NIC.
test_enable_no_holds_at_the_first_event() {
	for rule in "interface eth0" "mac 00:15:5d:00:00:01"; do
		tree
		want nic force=yes "[$rule]" enable=no
		boot
		for d in $dev $dev2; do
			vmbus_bind_does 0 --udev $d
			is "driver of $d with $rule" "$(driver_of $d)" none
			says "waiting for its interface"
		done
		for d in $dev $dev2; do
			"$root/kernel/model" driver hv_netvsc $d
			: >"$root/run/udev/data/n1"
			: >"$root/run/udev/data/n2"
			vmbus_bind --udev --new-interface $d
		done
		is "driver of the disabled one with $rule" "$(driver_of $dev)" hv_netvsc
		is "driver of the other with $rule" "$(driver_of $dev2)" uio_hv_generic
	done
}

# The driver gives the NIC back, with a new interface.
test_driver_that_refuses_is_not_tried_for_ever() {
	want "mac 00:15:5d:00:00:02"
	echo 12 >"$root/kernel/probe/uio_hv_generic"
	vmbus_bind_does 1 --udev --new-interface $dev2
	vmbus_bind_does 0 --udev --new-interface $dev2
	is output "$out" ""
	# An administrator, or the next event of the device, tries again.
	rm "$root/kernel/probe/uio_hv_generic"
	taken --udev $dev2
}

# Its former driver gives the bridge back, and a virtual function appears again.
test_bridge_is_not_bound_by_an_interface_behind_it() {
	driver hv_pci $pcie
	device $dev $pcie hv_pci
	conf $admin/a.conf "[$dev]" force=yes
	vmbus_bind_does 0 --udev --new-interface $dev
	is driver "$(driver_of $dev)" hv_pci
	log_is_empty
	taken --udev $dev
}

test_interface_that_cannot_be_noted_keeps_the_device() {
	want $dev2
	mkdir -p "$root/run/hyperv-uio"
	: >"$root/run/hyperv-uio/interface"
	vmbus_bind_does 1 --udev $dev2
	says "its interface cannot be noted: Not a directory"
	is driver "$(driver_of $dev2)" hv_netvsc
}

# driverctl, and vmbus-bind before it wrote notes, leave no note. The maintainer
# scripts of hyperv-uio release all devices, and run vmbus-bind again if the
# removal fails.
test_released_nic_is_not_bound_again_by_its_interface() {
	for rule in $dev2 "mac 00:15:5d:00:00:02"; do
		for release in "--release $dev2" --release; do
			tree
			want "$rule" force=yes
			conf $admin/other.conf '[interface eth7]'
			taken $dev2
			[ "$rule" != $dev2 ] || rm -r "$root/run/hyperv-uio/interface"
			vmbus_bind $release
			is "driver after the release" "$(driver_of $dev2)" hv_netvsc
			: >"$root/run/udev/data/n2"
			vmbus_bind --udev --new-interface $dev2
			is "driver after the event with [$rule]" "$(driver_of $dev2)" hv_netvsc
			case $release in *release) taken --udev $dev2 ;; esac
		done
	done
}

run_tests
