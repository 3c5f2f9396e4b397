#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# vmbusctl list, as text and as JSON.
# shellcheck disable=SC2086,SC2317 # GUIDs and numbers need no quotes; tests are called by name
# shellcheck source=tree.sh
. "$(dirname "$0")/tree.sh"

vmbusctl() {
	status=0
	out=$("$dir/vmbusctl" "$@" 2>&1) || status=$?
}

two_devices() {
	driver uio_hv_generic
	driver hv_netvsc
	device $dev $fcopy uio_hv_generic
	mkdir -p "$bus/devices/$dev/uio/uio3/maps/map0"
	echo 0xa000 >"$bus/devices/$dev/uio/uio3/maps/map0/size"
	device $dev2 $nic hv_netvsc
	echo 7 >"$bus/devices/$dev2/monitor_id"
	echo 3 >"$bus/devices/$dev2/state"
}

test_list() {
	two_devices
	vmbusctl list
	is status $status 0
	is lines "$(echo "$out" | wc -l)" 3
	# By instance: b6650ff7 before eb765408
	is nic "$(echo "$out" | sed -n 2p | tr -s ' ')" "$dev2 nic hv_netvsc - - yes open"
	is fcopy "$(echo "$out" | sed -n 3p | tr -s ' ')" "$dev fcopy uio_hv_generic uio3 20 KiB no offered"
}

test_list_json() {
	two_devices
	device 00000000-0000-0000-0000-000000000001 00000000-0000-0000-0000-000000000002
	vmbusctl list -j
	is status $status 0
	is fcopy "$(echo "$out" | tr -d ' \n' | grep -o '{[^{]*uio3[^}]*}')" \
		"{\"instance\":\"$dev\",\"class_id\":\"$fcopy\",\"class\":\"fcopy\",\"driver\":\"uio_hv_generic\",\"uio\":\"uio3\",\"ring_bytes\":20480,\"monitored\":false,\"state\":\"offered\"}"
	says '"class":null'
	says '"driver":null'
}

test_device_without_a_class_is_told() {
	two_devices
	echo nonsense >"$bus/devices/$dev2/class_id"
	vmbusctl list
	is status $status 1
	says "$bus/devices/$dev2: no GUID in device_id or class_id"
	says "$dev  fcopy"
}

test_no_vmbus() {
	rm -r "$root/sys"
	vmbusctl list -j
	is status $status 0
	is output "$(echo "$out" | tr -d ' \n')" "[]"
}

test_output_that_cannot_be_written() {
	two_devices
	status=0
	out=$("$dir/vmbusctl" list 2>&1 >/dev/full) || status=$?
	is status $status 1
	says "No space left"
}

test_wrong_arguments() {
	for args in "" show "list list" "list --what"; do
		# shellcheck disable=SC2086 # words
		vmbusctl $args
		is "status of '$args'" $status 2
	done
}

run_tests
