#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# hyperv-uio.conf: who is bound to what, and how faults are told.
# shellcheck disable=SC2086,SC2317 # GUIDs and numbers need no quotes; tests are called by name
# shellcheck source=tree.sh
. "$(dirname "$0")/tree.sh"

# What vmbus-bind would do with a device, in a word.
wish() {
	vmbus_bind -n "$1"
	case $out in
	*"would be bound to "*) echo "${out##* }" ;;
	*) echo "nothing" ;;
	esac
}

# faulty LINE REASON TEXT...: a file with TEXT is refused with its line and reason
faulty() {
	line=$1 reason=$2
	shift 2
	conf $vendor/10-fcopy.conf '[fcopy]'
	conf $admin/faulty.conf "$@"
	device $dev $fcopy
	vmbus_bind --check
	is "status of --check" $status 2
	says "$root/$admin/faulty.conf:$line: $reason"
	vmbus_bind $dev
	is status $status 2
	says "nothing is bound until the configuration is right"
	log_is_empty
}

test_section_by_class_name() {
	conf $vendor/a.conf '[fcopy]' driver=one
	device $dev $fcopy
	is wish "$(wish $dev)" one
}

test_section_by_class_guid() {
	conf $vendor/a.conf '[{34D14BE3-DEE4-41C8-9AE7-6B174977C192}]' driver=one
	device $dev $fcopy
	is wish "$(wish $dev)" one
}

test_default_driver_is_uio_hv_generic() {
	conf $vendor/a.conf '[fcopy]'
	device $dev $fcopy
	is wish "$(wish $dev)" uio_hv_generic
}

test_instance_beats_class() {
	conf $admin/a.conf "[$dev]" driver=one
	conf $admin/b.conf '[fcopy]' driver=two
	device $dev $fcopy
	device $dev2 $fcopy
	is wish "$(wish $dev)" one
	is wish "$(wish $dev2)" two
}

test_later_file_wins_key_by_key() {
	conf $vendor/20-a.conf '[fcopy]' enable=no driver=one
	conf $admin/30-b.conf '[fcopy]' enable=yes
	conf $admin/10-c.conf '[fcopy]' driver=two
	device $dev $fcopy
	is wish "$(wish $dev)" one
}

test_instance_is_left_out() {
	conf $admin/a.conf '[nic]' "[$dev]" enable=no
	device $dev $nic
	device $dev2 $nic
	is wish "$(wish $dev)" nothing
	is wish "$(wish $dev2)" uio_hv_generic
}

test_same_name_in_etc_hides() {
	conf $vendor/10-fcopy.conf '[fcopy]'
	: >"$root/$admin/10-fcopy.conf"
	device $dev $fcopy
	is wish "$(wish $dev)" nothing
}

test_link_to_dev_null_hides() {
	conf $vendor/10-fcopy.conf '[fcopy]'
	ln -s /dev/null "$root/$admin/10-fcopy.conf"
	device $dev $fcopy
	is wish "$(wish $dev)" nothing
}

test_hidden_file_may_be_faulty() {
	conf $vendor/10-fcopy.conf nonsense
	conf $admin/10-fcopy.conf '[fcopy]'
	device $dev $fcopy
	is wish "$(wish $dev)" uio_hv_generic
}

test_only_conf_files_are_read() {
	conf $admin/a.conf.dpkg-old '[fcopy]'
	conf $admin/.a.conf '[fcopy]'
	device $dev $fcopy
	is wish "$(wish $dev)" nothing
}

test_indented_keys_are_keys() {
	conf $admin/a.conf '  [fcopy]' '  enable=yes' '	driver=one  ; why'
	device $dev $fcopy
	is wish "$(wish $dev)" one
}

test_good_configuration_passes_check() {
	conf $admin/a.conf '# comment' '' '[fcopy]'
	vmbus_bind --check
	is status $status 0
	is output "$out" ""
}

test_unknown_key() {
	faulty 2 "unknown key: drvier" '[fcopy]' drvier=one
}

test_unknown_class() {
	faulty 1 "a section is a class name or the GUID of a class or instance, not: copy" '[copy]' driver=one
}

test_faulty_section_without_keys() {
	faulty 2 "a section is" '# a' '[copy]'
}

test_switch_that_is_neither() {
	faulty 3 "enable is yes or no, not: maybe" '[fcopy]' '' enable=maybe
}

test_driver_with_a_path() {
	faulty 2 "driver is not a driver's name: ../../x" '[fcopy]' driver=../../x
}

test_driver_that_is_an_option() {
	faulty 2 "driver is not a driver's name: --all" '[fcopy]' driver=--all
}

test_key_before_any_section() {
	faulty 1 "a key outside of any section: enable" enable=yes '[fcopy]'
}

test_line_that_is_nothing() {
	faulty 2 "neither [section], key=value nor a comment" '[fcopy]' hello
}

test_section_without_its_bracket() {
	faulty 1 "neither [section], key=value nor a comment" '[fcopy' driver=one
}

test_line_too_long() {
	faulty 2 "the line is too long" '[fcopy]' "driver=$(printf %0300d 0)" enable=yes
}

test_every_fault_is_told() {
	conf $admin/a.conf '[fcopy]' one=1 two=2
	vmbus_bind --check
	says "a.conf:2: unknown key: one"
	says "a.conf:3: unknown key: two"
}

test_file_that_cannot_be_read() {
	ln -s missing "$root/$admin/a.conf"
	vmbus_bind --check
	is status $status 2
	says "a.conf: No such file"
}

run_tests
