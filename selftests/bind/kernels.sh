#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Try every kernel's set of attributes, and every error at each write. In the
# end a device must be bound as configured, or as it was before.
# shellcheck disable=SC2086,SC2154,SC2317 # GUIDs and numbers need no quotes; variables are those of tree.sh; tests are called by name
# shellcheck source=guest.sh
command . "$(dirname "$0")/guest.sh" || exit 1

# The kernels, each with its own module and with ours. Their files are those in
#   4.18.el8        drivers/hv/vmbus_drv.c of RHEL 8.7 (4.18.0-394.el8)
#   5.4             the same file of a 5.4 kernel
#   5.10, 6.1, 6.12 hv_vmbus.ko of Debian's 5.10.0-46, 6.1.0-56 and 6.12.118:
#                   the symbols dev_attr_* and chan_attr_*; in 6.12 the core of
#                   the bus, drivers/base/bus.c, has driver_override
#   7.2             vmlinux of Debian's 7.2.13, which contains the same names
versions="4.18.el8 5.4 5.10 6.1 6.12 7.2"
kernels=$(echo "$versions " | sed 's/\([^ ]*\) /\1:own \1:ours /g')
device_files="id state monitor_id class_id device_id modalias numa_node server_monitor_pending
	client_monitor_pending server_monitor_latency client_monitor_latency server_monitor_conn_id
	client_monitor_conn_id out_intr_mask out_read_index out_write_index out_read_bytes_avail
	out_write_bytes_avail in_intr_mask in_read_index in_write_index in_read_bytes_avail
	in_write_bytes_avail channel_vp_mapping vendor device"
channel_files="out_mask in_mask read_avail write_avail cpu pending latency interrupts events
	monitor_id subchannel_id intr_in_full intr_out_empty out_full_first out_full_total"

# files DEVICE RELID open|closed [monitored]: give a device, which nobody has
# bound yet, and its primary channel the files of kernel $v. A kernel shows the
# files of the monitor page only if the device uses it.
files() {
	c=$bus/devices/$1/channels/$2
	mkdir -p "$c"
	for f in $device_files; do
		[ -e "$bus/devices/$1/$f" ] || echo 0 >"$bus/devices/$1/$f"
	done
	echo $2 >"$bus/devices/$1/id"
	echo 16384 >"$bus/devices/$1/in_write_bytes_avail"
	for f in $channel_files; do
		echo 0 >"$c/$f"
	done
	echo 16280 >"$c/write_avail"
	[ "${4-}" = monitored ] || rm "$bus/devices/$1"/*monitor* "$c/monitor_id" "$c/pending" "$c/latency"
	[ $3 = closed ] || echo 3 >"$bus/devices/$1/state"
	[ $3 = open ] || unreadable "$bus/devices/$1"/in_* "$bus/devices/$1"/out_*
	[ $3 = open ] || unreadable "$c"/*_avail "$c"/*_mask
}

# unreadable FILE...: make reading these an error, even for root
unreadable() {
	rm "$@"
	mkdir "$@"
}

# kernel KIND: make the NIC eth1 and the file copy device, both to be bound. The
# latter is a low-speed device. Before 6.10 hv_utils has it, and the kernel's
# own module refuses it. Debian's 6.12 and 7.2 list its id in uio_hv_generic.
kernel() {
	tree
	v=${1%:*} kind=${1#*:}
	cached "$1" make_kernel
}

make_kernel() {
	echo $kind >"$root/kernel/module"
	nic $dev eth0 1
	nic $dev2 eth1 2
	up eth0
	case $v in
	6.12 | 7.2)
		echo $fcopy >"$root/kernel/modules/uio_hv_generic"
		device $get $fcopy
		;;
	*)
		driver hv_util $fcopy
		device $get $fcopy hv_util
		[ $kind != own ] || echo 254 >"$root/kernel/needs-monitor"
		;;
	esac
	files $dev 15 open monitored
	files $dev2 16 open monitored
	files $get 14 closed
	# Before 5.12 a write to bind succeeds even if the probe fails.
	case $v in 4.* | 5.*) [ ! -f "$root/kernel/needs-monitor" ] || echo silent >"$root/kernel/needs-monitor" ;; esac
	conf $admin/a.conf "[$dev2]" '[fcopy]' mode=0640
}

# ENOENT, EAGAIN, EBUSY, EEXIST, ENODEV, EINVAL
kinds_of_errors="2 11 16 17 19 22"

test_each_kernel_binds() {
	for k in $kernels; do
		kernel $k
		vmbus_bind --all
		is "eth1 on $k" "$(driver_of $dev2)" uio_hv_generic
		is "eth0 on $k" "$(driver_of $dev)" hv_netvsc
		if [ -f "$root/kernel/needs-monitor" ]; then
			is "status on $k" $status 1
			is "fcopy on $k" "$(driver_of $get)" hv_util
			case $v in
			6.1) says "binding failed: not supported (see the kernel log); the device is bound to hv_util" ;;
			*) says "binding failed: probe failed (see the kernel log); the device is bound to hv_util" ;;
			esac
		else
			is "status on $k" $status 0
			is "fcopy on $k" "$(driver_of $get)" uio_hv_generic
			cp "$root/kernel/log" "$root/kernel/first"
			vmbus_bind --all
			cmp -s "$root/kernel/first" "$root/kernel/log" || fail "the second run on $k wrote something"
		fi
		vmbus_bind --release
		is "status of the release on $k" $status 0
		is "eth1 after the release on $k" "$(driver_of $dev2)" hv_netvsc
		case $v in
		6.12 | 7.2) is "fcopy after the release on $k" "$(driver_of $get)" uio_hv_generic ;;
		*)
			is "fcopy after the release on $k" "$(driver_of $get)" hv_util
			is "ids after the release on $k" "$(cat "$root/kernel/ids/uio_hv_generic")" ""
			;;
		esac
	done
}

# vmbusctl reads the files of each kernel, and shows a - where it cannot.
test_each_kernel_is_shown() {
	for k in $kernels; do
		kernel $k
		vmbusctl list -v
		is "status on $k" $status 0
		is "errors on $k" "$err" ""
		out=$(printf '%s\n' "$out" | tr -s ' ')
		says "$dev 15 0 0 0 of 16384 104 of 16384 0 0 0"
		says "$get 14 0 0 - - 0 0 -"
		for d in $dev $dev2 $get; do
			vmbusctl show $d
			is "status of show on $k" $status 0
			vmbusctl show -j $d
			is "errors of show on $k" "$err" ""
		done
		says '"monitored":false'
		says '"state":"offered"'
	done
}

# If a write returns an error once, no device is lost, vmbus-bind takes no
# device that no rule names, and a run without the error binds what is
# configured.
test_each_error_at_each_write() {
	cases=0
	for word in driver_override /unbind /bind interface; do
		for errno in $kinds_of_errors; do
			kernel 6.1:ours
			echo "$word $errno" >"$root/kernel/errors"
			vmbus_bind $dev2
			case $(driver_of $dev2) in
			uio_hv_generic | hv_netvsc) ;;
			*) fail "errno $errno of $word leaves eth1 with $(driver_of $dev2)" ;;
			esac
			is "eth0 after errno $errno of $word" "$(driver_of $dev)" hv_netvsc
			[ $status = 0 ] || is "eth1 after a failure" "$(driver_of $dev2)" hv_netvsc
			is "ids after errno $errno of $word" "$(cat "$root/kernel/ids/uio_hv_generic" 2>/dev/null)" ""
			: >"$root/kernel/errors"
			vmbus_bind $dev2
			is "status after errno $errno of $word" $status 0
			is "eth1 in the end" "$(driver_of $dev2)" uio_hv_generic
			cases=$((cases + 1))
		done
	done
	echo "# $cases cases"
}

# If a driver always refuses, the device returns to its own driver, and nothing
# else remains.
test_each_error_of_the_probe() {
	for errno in silent 12 16 19 254; do
		kernel 6.1:ours
		echo $errno >"$root/kernel/probe/uio_hv_generic"
		vmbus_bind $dev2
		is "status with $errno" $status 1
		is "lines with $errno" "$(echo "$out" | wc -l)" 1
		says "the device is bound to hv_netvsc"
		is "eth1 with $errno" "$(driver_of $dev2)" hv_netvsc
		is "ids with $errno" "$(cat "$root/kernel/ids/uio_hv_generic")" ""
		is "override with $errno" "$(cat "$bus/devices/$dev2/driver_override")" "(null)"
		is "what is up with $errno" "$(sort "$root/kernel/up" | tr '\n' ' ')" "eth0 "
	done
}

test_rescind_at_each_write() {
	for word in driver_override /unbind /bind; do
		kernel 6.1:ours
		rescind_at $word
		vmbus_bind $dev2
		is "status with a rescind at $word" $status 0
		says "rescinded it"
		vmbus_bind_does 0 --udev $dev2
	done
}

test_many_at_once_bind_each_device_once() {
	kernel 6.1:ours
	for _ in 1 2 3 4 5 6; do
		"$dir/vmbus-bind-model" --all 2>/dev/null &
	done
	wait
	is fcopy "$(driver_of $get)" uio_hv_generic
	is eth1 "$(driver_of $dev2)" uio_hv_generic
	is "unbinds of eth1" "$(grep -c "hv_netvsc/unbind $dev2" "$root/kernel/log")" 1
	is "unbinds of fcopy" "$(grep -c "hv_util/unbind $get" "$root/kernel/log")" 1
}

run_tests
