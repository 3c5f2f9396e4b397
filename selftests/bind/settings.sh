#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check the settings of a rule: ring size, buffer sizes, owner, group and mode.
# shellcheck disable=SC2086,SC2154,SC2317 # GUIDs and numbers need no quotes; variables are those of tree.sh; tests are called by name
# shellcheck source=tree.sh
command . "$(dirname "$0")/tree.sh" || exit 1

# want ours|own LINE...: make a NIC to bind, our module or the kernel's own, and
# a rule
want() {
	echo "$1" >"$root/kernel/module"
	shift
	nic $dev eth0 1
	nic $dev2 eth1 2
	up eth0
	conf $admin/a.conf "[$dev2]" "$@"
	ring=$bus/devices/$dev2/channels/14/ring
	size=$bus/devices/$dev2/uio_hv_generic/ring_size
}

mode_of() {
	stat -c %a "$1"
}

# buffers_are RECEIVE SEND: compare the buffer sizes of the NIC; the driver must
# have its own sizes again
buffers_are() {
	maps=$bus/devices/$dev2/uio/uio0/maps
	is "receive and send buffer" "$(cat "$maps/map3/size") $(cat "$maps/map4/size")" "$1 $2"
	driver_has_its_sizes
}

driver_has_its_sizes() {
	sizes=$bus/drivers/uio_hv_generic
	is "sizes of the driver" "$(cat "$sizes/recv_size") $(cat "$sizes/send_size")" "32505856 16777216"
}

owner_of() { # PATH
	grep "^${1#"$root"} " "$root/kernel/owners" | tail -n 1 | cut -d' ' -f2-
}

test_ring_size() {
	want ours ring_size=2M
	vmbus_bind $dev2
	! grep -q ring_size "$root/kernel/log" || fail "the present size was written"
	conf $admin/a.conf "[$dev2]" ring_size=1M
	for error in 2 16 22; do
		echo "uio_hv_generic/ring_size $error" >"$root/kernel/errors"
		kept uio_hv_generic $dev2
		says "ring_size cannot be set to 1048576: "
	done
	vmbus_bind_does 0 $dev2
	is size "$(cat "$size")" 1048576
}

# At boot no driver has the NIC yet, and the module is not loaded. The module
# binds a device whose override names it as soon as it is loaded. While modprobe
# loads the module, hv_netvsc may be loaded for another NIC, and must not take
# this one.
test_buffer_sizes_when_the_module_is_not_loaded() {
	echo ours >"$root/kernel/module"
	nic $dev eth0 1
	nic $dev2 eth1 2 none
	up eth0
	conf $admin/a.conf "[$dev2]" recv_buffer_size=1M send_buffer_size=64K
	before "load*" "cp '$bus/devices/$dev2/driver_override' '$root/kernel/meanwhile'"
	taken $dev2
	is "override during the load" "$(cat "$root/kernel/meanwhile")" vmbus-bind
	is "override afterwards" "$(cat "$bus/devices/$dev2/driver_override")" uio_hv_generic
	buffers_are 1048576 65536
}

# Another run of vmbus-bind is loading the module: the directory of the driver
# is there, and modprobe waits for the end of the load.
test_buffer_sizes_while_the_module_is_being_loaded() {
	want ours recv_buffer_size=1M
	mkdir "$bus/drivers/uio_hv_generic"
	before "load*" "rmdir '$bus/drivers/uio_hv_generic'"
	vmbus_bind_does 0 $dev2
	buffers_are 1048576 16777216
}

test_buffer_sizes_without_the_module() {
	want ours recv_buffer_size=1M
	rm "$root/kernel/modules/uio_hv_generic"
	kept hv_netvsc $dev2
	says "not bound to uio_hv_generic: the driver cannot be loaded: modprobe failed (run it by hand, or see the kernel log); the device is bound to hv_netvsc"
}

test_buffer_sizes_go_back_when_the_driver_refuses() {
	want ours recv_buffer_size=1M
	echo 12 >"$root/kernel/probe/uio_hv_generic"
	vmbus_bind_does 1 $dev2
	driver_has_its_sizes
}

# vmbus-bind may have to wait before it sets the sizes.
test_interface_that_has_come_up_when_the_sizes_are_set() {
	want ours recv_buffer_size=1M
	before '*/recv_size*' "echo 0x1003 >'$root/sys/class/net/eth1/flags'"
	kept hv_netvsc $dev2
	driver_has_its_sizes
}

test_buffer_sizes_of_two_at_once() {
	want ours recv_buffer_size=1M
	sed -i "s/\[.*/[nic]\nforce=yes/" "$root/$admin/a.conf"
	conf $admin/b.conf "[$dev]" recv_buffer_size=2M
	"$dir/vmbus-bind-model" --force $dev >/dev/null 2>&1 &
	"$dir/vmbus-bind-model" --force $dev2 >/dev/null 2>&1
	wait $!
	is one "$(cat "$bus/devices/$dev2"/uio/uio*/maps/map3/size)" 1048576
	is other "$(cat "$bus/devices/$dev"/uio/uio*/maps/map3/size)" 2097152
	driver_has_its_sizes
}

# The driver has one setting for all NICs.
test_nic_without_sizes_does_not_get_those_of_another() {
	want ours
	conf $admin/b.conf "[$dev]" recv_buffer_size=2M
	before "*/uio_hv_generic/bind*$dev" ": >'$root/kernel/binding'; until [ -e '$root/kernel/go-on' ]; do sleep 0.05; done"
	"$dir/vmbus-bind-model" --force $dev >/dev/null 2>&1 &
	first=$!
	until [ -e "$root/kernel/binding" ]; do sleep 0.05; done
	"$dir/vmbus-bind-model" $dev2 >/dev/null 2>&1 &
	until_it_waits $!
	: >"$root/kernel/go-on"
	wait $! $first
	is one "$(cat "$bus/devices/$dev"/uio/uio*/maps/map3/size)" 2097152
	is other "$(cat "$bus/devices/$dev2"/uio/uio*/maps/map3/size)" 32505856
}

test_buffer_sizes_of_the_kernels_own_module() {
	want own send_buffer_size=1M
	vmbus_bind $dev2
	says "send_size of uio_hv_generic cannot be set to 1048576: only the uio_hv_generic of hyperv-uio supports this"
	is driver "$(driver_of $dev2)" uio_hv_generic
}

test_buffer_size_of_a_bound_device_is_for_the_next_time() {
	want ours
	vmbus_bind $dev2
	echo recv_buffer_size=1M >>"$root/$admin/a.conf"
	vmbus_bind $dev2
	says "recv_buffer_size is 32505856 instead of 1048576; the new size applies when the device is bound again"
}

test_owner_group_and_mode() {
	want ours owner=daemon group=12 mode=0660 ring_size=1M
	vmbus_bind_does 0 $dev2
	for path in "$ring" "$root/dev/uio0"; do
		is "mode of $path" "$(mode_of $path)" 660
		is "owner of $path" "$(owner_of $path)" "$(id -u daemon) 12"
	done
}

test_only_the_mode() {
	want own mode=0640
	vmbus_bind_does 0 $dev2
	is "mode of the ring" "$(mode_of "$ring")" 640
	is "owner of the ring" "$(owner_of "$ring")" "-1 -1"
}

test_account_that_does_not_exist() {
	for account in owner=nobody-at-all group=no-group-at-all; do
		tree
		want ours $account mode=0660
		vmbus_bind_does 1 $dev2
		says "${account%%=*}: there is no "
		is "mode of the ring" "$(mode_of "$ring")" 600
	done
}

test_ring_file_that_comes_late_is_waited_for() {
	want ours mode=0640
	: >"$root/kernel/late-ring"
	vmbus_bind_does 0 $dev2
	is "mode of the ring" "$(mode_of "$ring")" 640
}

test_ring_file_that_never_comes_is_told() {
	want ours mode=0640
	vmbus_bind $dev2
	rm "$ring"
	vmbus_bind_does 1 --settings $dev2
	says "channel 14 has no ring file after 2 seconds"
}

test_every_channel_that_is_there() {
	want ours mode=0640
	vmbus_bind $dev2
	for c in 15 16 17; do
		mkdir "$bus/devices/$dev2/channels/$c"
		: >"$bus/devices/$dev2/channels/$c/ring"
		chmod 600 "$bus/devices/$dev2/channels/$c/ring"
	done
	vmbus_bind_does 0 --udev --settings $dev2
	for c in 14 15 16 17; do
		is "mode of channel $c" "$(mode_of "$bus/devices/$dev2/channels/$c/ring")" 640
	done
}

# The event of a channel comes before its ring file exists.
test_sub_channel_that_appears_later() {
	want ours owner=1 mode=0640
	vmbus_bind $dev2
	channel=$bus/devices/$dev2/channels/15
	mkdir "$channel"
	(sleep 0.2 && : >"$channel/ring" && chmod 600 "$channel/ring") &
	vmbus_bind --udev --settings $dev2/15
	wait
	is status $status 0
	is mode "$(mode_of "$channel/ring")" 640
	is owner "$(owner_of "$channel/ring")" "1 -1"
}

test_sub_channel_that_leaves_is_no_error() {
	want ours mode=0640
	vmbus_bind $dev2
	vmbus_bind_does 0 --udev --settings $dev2/99
	is output "$out" ""
}

test_settings_are_for_the_driver_of_the_rule() {
	want ours mode=0640
	: >"$root/kernel/log"
	vmbus_bind_does 0 --udev --settings $dev2
	is driver "$(driver_of $dev2)" hv_netvsc
	log_is_empty
}

test_settings_of_a_disabled_rule_are_left() {
	want ours mode=0640
	vmbus_bind $dev2
	printf 'enable=no\nmode=0644\n' >>"$root/$admin/a.conf"
	vmbus_bind_does 0 --udev --settings $dev2
	is "mode of the ring" "$(mode_of "$ring")" 640
}

test_settings_of_a_device_that_has_left() {
	want ours mode=0640
	vmbus_bind_does 0 --udev --settings $get
	vmbus_bind_does 1 --settings $get
}

run_tests
