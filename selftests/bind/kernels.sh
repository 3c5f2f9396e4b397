#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Try every kernel's set of attributes, and every error at each write. In the
# end a device must be bound as configured, or as it was before.
# shellcheck disable=SC2086,SC2317 # GUIDs and numbers need no quotes; tests are called by name
# shellcheck source=tree.sh
. "$(dirname "$0")/tree.sh"

# A kind says whether there is driver_override, which module is loaded, and
# whether the module has an id for fcopy.
kernels="no-override:own no-override:ours override:own override:ours override:id"

# kernel KIND: make the NIC eth1 and the file copy device, both to be bound
kernel() {
	rm -rf "$root"
	tree
	kind=${1#*:}
	[ $kind = own ] && echo own >"$root/kernel/module" || echo ours >"$root/kernel/module"
	[ $kind != id ] || echo $fcopy >"$root/kernel/modules/uio_hv_generic"
	nic $dev eth0 1
	nic $dev2 eth1 2
	default_route eth0
	driver hv_util $fcopy
	device $get $fcopy hv_util
	[ "${1%:*}" = override ] || rm -f "$bus"/devices/*/driver_override
	conf $admin/a.conf "[$dev2]" '[fcopy]' mode=0640
}

# ENOENT, EAGAIN, EBUSY, EEXIST, ENODEV, EINVAL
kinds_of_errors="2 11 16 17 19 22"

test_each_kernel_binds() {
	for k in $kernels; do
		kernel $k
		vmbus_bind --all
		is "status on $k" $status 0
		is "fcopy on $k" "$(driver_of $get)" uio_hv_generic
		is "eth1 on $k" "$(driver_of $dev2)" uio_hv_generic
		is "eth0 on $k" "$(driver_of $dev)" hv_netvsc
		cp "$root/kernel/log" "$root/kernel/first"
		vmbus_bind --all
		cmp -s "$root/kernel/first" "$root/kernel/log" || fail "the second run on $k wrote something"
		vmbus_bind --release
		is "status of the release on $k" $status 0
		is "eth1 after the release on $k" "$(driver_of $dev2)" hv_netvsc
		case $k in *:id) continue ;; esac
		is "fcopy after the release on $k" "$(driver_of $get)" hv_util
		is "ids after the release on $k" "$(cat "$root/kernel/ids/uio_hv_generic")" ""
	done
}

# If a write returns an error once, no device is lost, vmbus-bind takes no
# device that no rule names, and a run without the error binds what is
# configured.
test_each_error_at_each_write() {
	cases=0
	for k in no-override:ours override:ours; do
		words="new_id remove_id /unbind /bind"
		[ $k = no-override:ours ] || words="driver_override /unbind /bind interface"
		for word in $words; do
			for errno in $kinds_of_errors; do
				kernel $k
				echo "$word $errno" >"$root/kernel/errors"
				vmbus_bind $dev2
				case $(driver_of $dev2) in
				uio_hv_generic | hv_netvsc) ;;
				*) fail "errno $errno of $word on $k leaves eth1 with $(driver_of $dev2)" ;;
				esac
				is "eth0 after errno $errno of $word on $k" "$(driver_of $dev)" hv_netvsc
				[ $status = 0 ] || is "eth1 after a failure" "$(driver_of $dev2)" hv_netvsc
				: >"$root/kernel/errors"
				vmbus_bind $dev2
				is "status after errno $errno of $word on $k" $status 0
				is "eth1 in the end" "$(driver_of $dev2)" uio_hv_generic
				cases=$((cases + 1))
			done
		done
	done
	echo "# $cases cases"
}

# If a driver always refuses, the device returns to its own driver, and nothing
# else remains.
test_each_error_of_the_probe() {
	for k in no-override:ours override:own; do
		for errno in silent 12 16 19 254; do
			kernel $k
			echo $errno >"$root/kernel/probe/uio_hv_generic"
			vmbus_bind $dev2
			is "status with $errno on $k" $status 1
			is "eth1 with $errno on $k" "$(driver_of $dev2)" hv_netvsc
			is "ids with $errno on $k" "$(cat "$root/kernel/ids/uio_hv_generic")" ""
			[ ! -f "$bus/devices/$dev2/driver_override" ] ||
				is "override with $errno on $k" "$(cat "$bus/devices/$dev2/driver_override")" "(null)"
			is "what is up with $errno on $k" "$(sort "$root/kernel/up" | tr '\n' ' ')" "eth0 eth1 "
		done
	done
}

test_rescind_at_each_write() {
	for k in no-override:ours override:ours; do
		for word in driver_override /unbind /bind new_id; do
			kernel $k
			echo $word >"$root/kernel/rescind"
			vmbus_bind $dev2
			is "status with a rescind at $word on $k" $status 0
			vmbus_bind --udev $dev2
			is "status afterwards" $status 0
		done
	done
}

# Other devices of the class are free: hv_netvsc is not loaded yet, or somebody
# unbound them. new_id binds them all.
test_without_override_a_free_neighbour_is_not_taken() {
	for rule in "" "[$dev]:enable=no" "[nic]:enable=no:[$dev2]:enable=yes" "[nic]:exclude=$dev"; do
		kernel no-override:ours
		echo "[$dev2]:$rule" | tr : '\n' >"$root/$admin/a.conf"
		: >"$root/proc/net/route"
		for d in $dev $dev2; do
			"$root/kernel/model" write /sys/bus/vmbus/drivers/hv_netvsc/unbind $d
		done
		rm -r "$bus/drivers/hv_netvsc"
		vmbus_bind --force $dev2
		is "status with $rule" $status 0
		is "the device with $rule" "$(driver_of $dev2)" uio_hv_generic
		is "the neighbour with $rule" "$(driver_of $dev)" none
		is "ids with $rule" "$(cat "$root/kernel/ids/uio_hv_generic")" ""
		device $third $nic
		rm "$bus/devices/$third/driver_override"
		"$root/kernel/model" write /sys/bus/vmbus/drivers_probe $third
		is "a neighbour that comes later with $rule" "$(driver_of $third)" none
	done
}

test_without_override_a_free_neighbour_gets_its_own_driver_first() {
	kernel no-override:ours
	: >"$root/proc/net/route"
	"$root/kernel/model" write /sys/bus/vmbus/drivers/hv_netvsc/unbind $dev
	: >"$root/kernel/log"
	vmbus_bind --force $dev2
	is driver "$(driver_of $dev2)" uio_hv_generic
	is neighbour "$(driver_of $dev)" hv_netvsc
	! grep -q "uio_hv_generic/unbind" "$root/kernel/log" || fail "uio_hv_generic had the neighbour for a moment"
}

test_without_override_an_id_of_somebody_else_stays() {
	kernel no-override:ours
	driver uio_hv_generic $nic
	vmbus_bind $dev2
	is status $status 0
	is ids "$(cat "$root/kernel/ids/uio_hv_generic")" $nic
}

test_without_override_two_at_once() {
	kernel no-override:ours
	: >"$root/proc/net/route"
	conf $admin/a.conf '[nic]'
	for d in $dev $dev2; do
		"$root/kernel/model" write /sys/bus/vmbus/drivers/hv_netvsc/unbind $d
	done
	rm -r "$bus/drivers/hv_netvsc"
	"$dir/vmbus-bind-model" --force $dev 2>/dev/null &
	"$dir/vmbus-bind-model" --force $dev2 2>/dev/null
	wait $!
	is one "$(driver_of $dev)" uio_hv_generic
	is other "$(driver_of $dev2)" uio_hv_generic
	is ids "$(cat "$root/kernel/ids/uio_hv_generic")" ""
}

# Bind the last two NICs with an address, each with a helper of its own at the
# same time.
test_race_for_the_last_address() {
	for i in 1 2 3; do
		kernel override:ours
		: >"$root/proc/net/route"
		address eth0
		address eth1 2
		conf $admin/a.conf '[nic]'
		# The kernel removes the routes of an interface that disappears.
		sed -i "s|^unlink_driver() { # DEVICE|&\\n\\tfor n in \"\$bus/devices/\$1/net\"/*; do sed -i \"/^\${n##*/}/d\" \"\$kernel/../proc/net/route\"; done|" \
			"$root/kernel/model"
		"$dir/vmbus-bind-model" $dev 2>/dev/null &
		"$dir/vmbus-bind-model" $dev2 2>/dev/null || :
		wait $! || :
		is "NICs of the kernel in round $i" "$(printf '%s\n' "$(driver_of $dev)" "$(driver_of $dev2)" |
			grep -c hv_netvsc)" 1
	done
}

test_many_at_once_bind_each_device_once() {
	kernel override:ours
	for i in 1 2 3 4 5 6; do
		"$dir/vmbus-bind-model" --all 2>/dev/null &
	done
	wait
	is fcopy "$(driver_of $get)" uio_hv_generic
	is eth1 "$(driver_of $dev2)" uio_hv_generic
	is "unbinds of eth1" "$(grep -c "hv_netvsc/unbind $dev2" "$root/kernel/log")" 1
	is "unbinds of fcopy" "$(grep -c "hv_util/unbind $get" "$root/kernel/log")" 1
}

run_tests
