#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Run vmbus-bind against a model of the kernel, and check which driver has the
# device in the end, and what was written.
# shellcheck disable=SC2086,SC2154,SC2317 # GUIDs and numbers need no quotes; variables are those of tree.sh; tests are called by name
# shellcheck source=tree.sh
command . "$(dirname "$0")/tree.sh" || exit 1

# fcopy_of [DRIVER]: make the file copy device, its rule, and the driver that
# has the device
fcopy_of() {
	conf $vendor/10-fcopy.conf '[fcopy]' driver=uio_hv_generic
	[ $# = 0 ] || driver $1 $fcopy
	device $dev $fcopy "$@"
}

test_free_device_is_bound() {
	fcopy_of
	driver uio_hv_generic
	taken $dev
	says "bound to uio_hv_generic"
	log_is "devices/$dev/driver_override uio_hv_generic" "drivers/uio_hv_generic/bind $dev"
}

test_missing_driver_is_loaded_after_the_override_is_set() {
	fcopy_of
	taken $dev
	log_is "devices/$dev/driver_override uio_hv_generic" "modprobe uio_hv_generic"
}

test_takes_over_from_the_present_driver() {
	fcopy_of hv_util
	taken $dev
	says "taken over from hv_util"
	log_is "devices/$dev/driver_override uio_hv_generic" "modprobe uio_hv_generic" \
		"drivers/hv_util/unbind $dev" "drivers/uio_hv_generic/bind $dev"
}

test_bound_already_is_success_and_writes_nothing() {
	fcopy_of uio_hv_generic
	vmbus_bind_does 0 $dev
	is output "$out" ""
	log_is_empty
}

test_device_that_is_not_there() {
	fcopy_of
	vmbus_bind_does 1 $dev2
	says "no such VMBus device"
	vmbus_bind_does 0 --udev $dev2
}

test_class_is_no_instance() {
	fcopy_of
	driver uio_hv_generic
	vmbus_bind_does 1 $fcopy
	says "$fcopy: no such VMBus device"
	device $dev2 $fcopy
	vmbus_bind_does 1 $fcopy
	says "$fcopy: no such VMBus device"
	log_is_empty
}

# If a driver always refuses, the device returns to its own driver, and nothing
# else remains.
test_each_error_of_the_probe() {
	while read -r errno override reason; do
		tree
		fcopy_of hv_util
		echo "$override" >"$bus/devices/$dev/driver_override"
		echo $errno >"$root/kernel/probe/uio_hv_generic"
		kept hv_util $dev
		is "output with $errno" "$out" "vmbus-bind: $dev (fcopy): not bound to uio_hv_generic: binding failed: $reason; the device is bound to hv_util"
		is "override with $errno" "$(cat "$bus/devices/$dev/driver_override")" "$override"
	done <<-END
		silent (null) probe failed (see the kernel log)
		12 hv_util Cannot allocate memory
		16 (null) Device or resource busy
		19 hv_util No such device
		254 (null) not supported (see the kernel log)
	END
}

test_refused_free_device_is_open_to_all_drivers_again() {
	fcopy_of
	driver hv_util $fcopy
	echo 12 >"$root/kernel/probe/uio_hv_generic"
	kept hv_util $dev
}

# The kernel says ENODEV if the driver has released the device in the meantime.
test_driver_that_has_just_released_the_device() {
	fcopy_of hv_util
	echo "/unbind 19" >"$root/kernel/errors"
	taken $dev
}

# If a write returns an error once, no device is lost, and a run without the
# error binds what is configured.
test_each_error_at_each_write() {
	for word in driver_override /unbind /bind; do
		# ENOENT, EAGAIN, EBUSY, EEXIST, ENODEV, EINVAL
		for errno in 2 11 16 17 19 22; do
			tree
			fcopy_of hv_util
			echo "$word $errno" >"$root/kernel/errors"
			vmbus_bind $dev
			[ $status = 0 ] || is "driver after errno $errno of $word" "$(driver_of $dev)" hv_util
			[ $word != driver_override ] || ! grep -q unbind "$root/kernel/log" || fail "unbound without an override"
			: >"$root/kernel/errors"
			taken $dev
		done
	done
}

test_rescind_at_each_write() {
	for word in driver_override /unbind /bind; do
		tree
		fcopy_of hv_util
		rescind_at $word
		vmbus_bind_does 0 $dev
		says "rescinded it"
		vmbus_bind_does 0 --udev $dev
	done
}

test_rescind_at_each_write_of_a_release() {
	for word in driver_override /unbind drivers_probe; do
		tree
		fcopy_of hv_util
		vmbus_bind $dev
		rescind_at $word
		vmbus_bind_does 0 --release $dev
		is output "$out" "vmbus-bind: $dev (fcopy): the host has rescinded it"
	done
}

test_many_at_once_bind_a_device_once() {
	fcopy_of hv_util
	for _ in 1 2 3 4 5 6; do
		"$dir/vmbus-bind-model" --all 2>/dev/null &
	done
	wait
	is driver "$(driver_of $dev)" uio_hv_generic
	is unbinds "$(grep -c "hv_util/unbind $dev" "$root/kernel/log")" 1
}

test_asynchronous_probe_under_way_does_not_win() {
	fcopy_of
	driver hv_util $fcopy
	driver uio_hv_generic
	echo hv_util >"$root/kernel/late"
	taken $dev
}

test_device_that_is_being_added_is_waited_for() {
	fcopy_of
	driver hv_util $fcopy
	driver uio_hv_generic
	printf xxx >"$root/kernel/unready"
	taken $dev
	is "binds that were answered by EAGAIN" "$(cat "$root/kernel/unready")" ""
}

test_device_that_is_being_added_for_ever_is_given_up() {
	fcopy_of
	driver uio_hv_generic
	printf %01000d 0 >"$root/kernel/unready"
	vmbus_bind_does 1 $dev
	says "Resource temporarily unavailable"
}

test_endless_rivals_end() {
	fcopy_of
	driver hv_util $fcopy
	driver uio_hv_generic
	yes hv_util | head -n 50 >"$root/kernel/late"
	kept hv_util $dev
}

test_dry_run_writes_nothing() {
	fcopy_of hv_util
	vmbus_bind_does 0 --dry-run --all
	says "$dev (fcopy): would be bound to uio_hv_generic, taken over from hv_util: its rule names it"
	says "($root/$vendor/10-fcopy.conf:1)"
	vmbus_bind_does 0 -n --release
	log_is_empty
	[ ! -e "$root/run/hyperv-uio" ] || fail "a dry run has written to /run"
}

# Sorted by instance: the faulty one comes first.
test_device_without_a_class_does_not_stop_the_others() {
	fcopy_of hv_util
	device $dev2 $fcopy
	echo nonsense >"$bus/devices/$dev2/class_id"
	vmbus_bind_does 1 $dev2
	says "$bus/devices/$dev2: no GUID in device_id or class_id"
	taken $dev
	vmbus_bind_does 1 --release
	is "driver after --release" "$(driver_of $dev)" hv_util
	vmbus_bind_does 1 --all
	says "a device is skipped: $bus/devices/$dev2: no GUID in device_id or class_id"
	is "driver after --all" "$(driver_of $dev)" uio_hv_generic
	vmbus_bind_does 1 --check
	says "a device is skipped: $bus/devices/$dev2: no GUID in device_id or class_id"
}

test_release_loads_what_the_alias_names() {
	fcopy_of
	echo $fcopy >"$root/kernel/modules/hv_utils"
	echo hv_utils >"$root/kernel/alias/$alias"
	vmbus_bind $dev
	vmbus_bind_does 0 --release
	is driver "$(driver_of $dev)" hv_utils
}

test_release_leaves_what_the_kernel_chose() {
	fcopy_of uio_hv_generic
	vmbus_bind_does 0 --release
	is driver "$(driver_of $dev)" uio_hv_generic
	log_is_empty
}

test_release_of_one_class_leaves_the_others() {
	fcopy_of hv_util
	conf $admin/a.conf '[kvp]' driver=uio_hv_generic
	device $dev2 a9a0f4e7-5a45-4d96-b827-8a841e8c03e6
	vmbus_bind --all
	is driver "$(driver_of $dev2)" uio_hv_generic
	vmbus_bind_does 0 --release fcopy
	says "$dev (fcopy): released by uio_hv_generic, now bound to hv_util"
	is driver "$(driver_of $dev)" hv_util
	is override "$(cat "$bus/devices/$dev/driver_override")" "(null)"
	is driver "$(driver_of $dev2)" uio_hv_generic
}

test_release_of_a_named_device_needs_no_section() {
	fcopy_of hv_util
	vmbus_bind $dev
	rm "$root/$vendor/10-fcopy.conf"
	vmbus_bind --release
	is "driver after --release of all" "$(driver_of $dev)" uio_hv_generic
	vmbus_bind_does 0 --release $dev
	is driver "$(driver_of $dev)" hv_util
}

test_release_goes_by_what_could_be_read() {
	for line in enable=no nonsense; do
		tree
		fcopy_of hv_util
		vmbus_bind $dev
		conf $vendor/10-fcopy.conf '[fcopy]' $line
		vmbus_bind --release
		is "driver after $line" "$(driver_of $dev)" hv_util
	done
	is status $status 2
	says "10-fcopy.conf:2: neither"
}

test_driver_that_does_not_take_the_device_back() {
	fcopy_of hv_util
	echo 12 >"$root/kernel/probe/uio_hv_generic"
	echo 5 >"$root/kernel/probe/hv_util"
	vmbus_bind_does 1 $dev
	says "hv_util could not bind it again: Input/output error"
	says "the device has no driver"
}

# Every user can lock a file or directory that every user can read.
test_locks_are_roots_alone() {
	fcopy_of hv_util
	for path in "$bus/devices" "$bus/devices/$dev"; do
		(exec 8<"$path" && flock 8 && exec sleep 1800) >/dev/null 2>&1 &
		sleepers="${sleepers-} $!"
		while flock -n "$path" true; do sleep 0.1; done
	done
	vmbus_bind $dev
	kill $sleepers
	is status $status 0
	is "modes of the locks" "$(find "$root/run/hyperv-uio/lock" -printf '%y %m\n' | sort -u | tr '\n' ';')" "d 700;f 600;"
}

# vmbus-bind waits for another run, and meanwhile the rule is disabled.
test_configuration_is_read_under_the_lock() {
	fcopy_of
	while_locked $dev "conf $admin/a.conf '[fcopy]' enable=no" $dev
	is driver "$(driver_of $dev)" none
}

test_lock_that_cannot_be_taken() {
	fcopy_of
	: >"$root/run/hyperv-uio"
	vmbus_bind_does 1 $dev
	says "the lock $root/run/hyperv-uio/lock/device-$dev cannot be taken: Not a directory"
	is driver "$(driver_of $dev)" none
}

# An editor still writes when systemd starts the unit, and again during the run.
test_settle_waits_for_the_last_change() {
	device $dev $fcopy
	conf $admin/a.conf '[fcopy]' driver=half
	(
		for i in 1 2 3; do
			sleep 0.4
			echo "# part $i" >>"$root/$admin/a.conf"
		done
		conf $admin/a.conf '[fcopy]' driver=uio_hv_generic
	) &
	vmbus_bind_does 0 --all --settle
	is driver "$(driver_of $dev)" uio_hv_generic
	! grep -q half "$root/kernel/log" || fail "half a file was carried out"
}

test_settle_sees_a_change_during_the_run() {
	fcopy_of
	device $dev2 $get
	while_locked $dev "conf $admin/b.conf '[$dev2]'" --all --settle
	is driver "$(driver_of $dev2)" uio_hv_generic
}

test_settle_without_the_folder() {
	rmdir "$root/$admin"
	vmbus_bind_does 1 --all --settle
	says "changes of $root/etc/hyperv-uio/bind.d cannot be watched: No such file"
}

test_wrong_arguments() {
	for args in "$dev $dev2" --what "--settings $dev/4294967297" "--properties" "--settle $dev"; do
		vmbus_bind_does 2 $args
	done
	vmbus_bind_does 2 ../../../etc
	says "not a GUID"
	vmbus_bind_does 2 eth1
	is output "$out" "vmbus-bind: eth1: not a GUID (vmbusctl bind and unbind also accept interfaces)"
	vmbus_bind_does 2 --release nonsense
	while IFS='|' read -r arguments message; do
		vmbus_bind_does 2 $arguments
		says "vmbus-bind: $message"
	done <<-END
		--all $dev|unexpected argument '$dev'
		--check --all|only one of --all, --release, --settings, --properties and --check can be given
		--release --force|--force is for a device to bind, or for --all
		-n --settings|--dry-run is for a device to bind, for --all or for --release
		--settle --check|--settle is for --all without --dry-run
		--new-interface $dev|--new-interface is for --udev and one device
		--dry-run|the INSTANCE of a device is missing
		--settings $dev/x|$dev/x: not a GUID, nor a GUID/RELID with the number of a channel
	END
}

# With VMBUS_SYSROOT the program that is installed must not load a module into
# the kernel that runs the test.
test_real_program_loads_no_module_for_a_tree() {
	fcopy_of
	status=0
	out=$("$dir/vmbus-bind" $dev 2>&1) || status=$?
	is status $status 1
	says "not bound to uio_hv_generic: the driver cannot be loaded: Invalid cross-device link; the device has no driver"
}

run_tests
