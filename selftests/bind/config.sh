#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Test hyperv-uio.conf: which device is bound to which driver, and how
# vmbus-bind reports faults.
# shellcheck disable=SC2086,SC2154,SC2317 # GUIDs and numbers need no quotes; variables are those of tree.sh; tests are called by name
# shellcheck source=tree.sh
command . "$(dirname "$0")/tree.sh" || exit 1

# Print the driver that vmbus-bind would bind a device to, even if its
# interface is up.
plan() {
	vmbus_bind -n --force "$1"
	driver=$(echo "$out" | sed -n 's/^.*): would be bound to \([^,:]*\).*/\1/p')
	echo "${driver:-nothing}"
}

# faulty: read lines TEXT|FAULT, and check that vmbus-bind reports each fault,
# and no other, for a file that has these texts below [get]
faulty() {
	conf $admin/a.conf '[get]'
	line=1
	while IFS='|' read -r text fault; do
		line=$((line + 1))
		echo "$text" >>"$root/$admin/a.conf"
		echo "$root/$admin/a.conf:$line: $fault"
	done >"$base/faults"
	vmbus_bind_does 2 --all
	while IFS= read -r fault; do
		says "$fault"
	done <"$base/faults"
	is faults "$(echo "$out" | wc -l)" "$(wc -l <"$base/faults")"
}

# warns [WARNING...]: run vmbus-bind --check, which must find no fault, and
# print these lines alone, each with the path of the file below $root
warns() {
	vmbus_bind_does 0 --check
	is warnings "$out" "$([ $# = 0 ] || printf "vmbus-bind: $root/%s\n" "$@")"
}

# The sections and keys of a file, and the plan for each of two devices
test_sections() {
	nic $dev eth1 1
	nic $dev2 eth2 2
	device $third $fcopy
	while read -r first second copy text; do
		conf $admin/a.conf $text
		sed -i 's/~/ /' "$root/$admin/a.conf"
		is "plan of eth1 for $text" "$(plan $dev)" $first
		is "plan of eth2 for $text" "$(plan $dev2)" $second
		is "plan of fcopy for $text" "$(plan $third)" $copy
	done <<-END
		nothing nothing uio_hv_generic [fcopy]
		nothing nothing one [fcopy] driver=one
		nothing nothing one [{34D14BE3-DEE4-41C8-9AE7-6B174977C192}] driver=one
		one two nothing [$dev] driver=one [net] force=yes driver=two
		nothing one nothing [nic] force=yes driver=one [$dev] enable=no
		nothing one nothing [mac~00-15-5D-00-00-02] driver=one
		nothing one nothing [interface~eth2] driver=one
		one four nothing [$dev] driver=one [mac~00:15:5d:00:00:01] driver=two [interface~eth1] driver=three [nic] force=yes driver=four
		two four nothing [mac~00:15:5d:00:00:01] driver=two [interface~eth1] driver=three [nic] force=yes driver=four
		three four nothing [interface~eth1] driver=three [nic] force=yes driver=four
	END
	vmbus_bind_does 0 --release net
}

test_later_file_wins_key_by_key() {
	conf $vendor/20-a.conf '[fcopy]' enable=no driver=one
	conf $admin/30-b.conf '[fcopy]' enable=yes
	conf $admin/10-c.conf '[fcopy]' driver=two
	device $dev $fcopy
	is plan "$(plan $dev)" one
}

test_same_name_in_etc_hides() {
	conf $vendor/10-fcopy.conf '[fcopy]' nonsense
	device $dev $fcopy
	conf $admin/10-fcopy.conf '[fcopy]'
	is plan "$(plan $dev)" uio_hv_generic
	: >"$root/$admin/10-fcopy.conf"
	is plan "$(plan $dev)" nothing
	ln -sf /dev/null "$root/$admin/10-fcopy.conf"
	is plan "$(plan $dev)" nothing
	vmbus_bind_does 0 --check
}

test_good_configuration_passes_check() {
	conf $admin/a.conf '# comment' '' '  [fcopy]' '; comment' '	driver = one  ' "# $(printf %05000d 0)" "enable$(printf %5000s '')=yes"
	device $dev $fcopy
	warns
	is plan "$(plan $dev)" one
}

test_keys_of_all_sections_add_up() {
	conf $admin/a.conf '[nic]' driver=uio_hv_generic force=yes mode=0640 '[interface eth1]' group=kvm '[mac 00:15:5d:00:00:01]' mode=0660
	nic $dev eth1 1
	vmbus_bind --properties $dev
	says HYPERV_UIO_GROUP=kvm
	says HYPERV_UIO_MODE=0660
	is plan "$(plan $dev)" uio_hv_generic
}

test_faults() {
	faulty <<-END
		drvier=one|unknown key 'drvier'
		enable=maybe|enable must be yes or no, not 'maybe'
		driver=../../x|driver must be the name of a driver, not '../../x'
		driver=--all|driver must be the name of a driver, not '--all'
		hello|neither [section], key=value nor a comment: 'hello'
		driver=one # why|a comment needs a line of its own: 'driver=one # why'
		driver=one	;why|a comment needs a line of its own: 'driver=one	;why'
		link=x ;|a comment needs a line of its own: 'link=x ;'
		force=yes ;#|a comment needs a line of its own: 'force=yes ;#'
		[get] # mine|nothing may follow the ] of a section, not even a comment: ' # mine'
		[a/b]|a section must be a class, the GUID of a class or an instance, mac AA:BB:CC:DD:EE:FF or interface NAME, not 'a/b'
		[eth0]|'eth0' is no class and no GUID; did you mean [interface eth0]?
		[00:15:5d:00:00:02]|'00:15:5d:00:00:02' is no class and no GUID; did you mean [mac 00:15:5d:00:00:02]?
		[get|a section must begin with [ and end with ]: '[get'
	END
	conf $admin/a.conf enable=yes '[get]'
	vmbus_bind_does 2 --check
	says "$root/$admin/a.conf:1: a key outside of any section: 'enable'"
}

test_section_names_that_are_none() {
	for name in "" mac "mac " "mac 00:15:5d:00:00" "mac 00:15:5d:00:00:0g" "mac 00:15:5d:00:00:01:02" \
		interface "interface eth/1" "interface .." "interface a-name-that-is-too-long" "interface eth 1" \
		"interfaceeth1" "$dev2-" "{$dev2" "nic eth1" "eth1"; do
		echo "[$name]|"
	done >"$base/names"
	faulty <"$base/names"
}

test_values_that_are_none() {
	for key in force=1 force= enable=YES driver= ring_size=0 ring_size= ring_size=1000 ring_size=-4096 ring_size=4096x \
		ring_size=4294967296 ring_size=99999999999999999999 ring_size=0x1000 ring_size=4k ring_size=4096M ring_size=17592186044417M ring_size=4MK recv_buffer_size=5 \
		send_buffer_size=M "owner=" "owner=a b" owner=-x "group=a/b" group= mode= mode=8 mode=1777 mode=-1 \
		mode=rw owner=4294967295 owner=4294967296 group=99999999999999999999 mode=0660x link= link=/dev/x link=../x link=a//b link=a/../b link=.a link=by-id/x link=a/ \
		"link=a b"; do
		echo "$key|${key%%=*}"
	done >"$base/values"
	faulty <"$base/values"
}

test_faulty_file_disables_what_it_names() {
	for faulty in "[get]~nonsense" "[$dev2] # mine"; do
		tree
		conf $vendor/10-fcopy.conf '[fcopy]'
		conf $vendor/20-get.conf "[$dev2]"
		echo "$faulty" | tr '~' '\n' >"$root/$admin/faulty.conf"
		device $dev $fcopy
		device $dev2 $get
		vmbus_bind_does 2 --all
		is "driver of the device of another file" "$(driver_of $dev)" uio_hv_generic
		says "$dev2 (get): left alone: a faulty file names it, or may name it ($root/$admin/faulty.conf:"
		vmbus_bind_does 2 -n $dev2
		says "$dev2 (get): left alone: a faulty file names it"
		vmbus_bind --udev $dev2
		is "driver of the device that the file names" "$(driver_of $dev2)" none
	done
}

# The file may be about any device, so those that the machine may need stay with
# the kernel. Other files still bind the others.
test_prohibition_without_a_readable_section() {
	for header in '[mac 00:15:5d:00:00:0g]' '[copy]' '[get' "[$dev-]" ''; do
		tree
		conf $vendor/10-fcopy.conf '[fcopy]'
		conf $admin/20-disk.conf "[$dev2]" force=yes
		conf $admin/faulty.conf "$header" enable=no
		device $dev $fcopy
		device $dev2 $scsi
		device $third $get
		vmbus_bind_does 2 --all
		says "$root/$admin/faulty.conf:2: it is not known which device enable=no applies to, so no NIC, no disk controller and no PCI Express bridge is bound"
		is "driver of $dev with $header" "$(driver_of $dev)" uio_hv_generic
		is "driver of $dev2 with $header" "$(driver_of $dev2)" none
		says "$dev2 (scsi): left alone: a faulty file names it, or may name it ($root/$admin/faulty.conf:2)"
		vmbus_bind -n --all
		case $out in *$third*) fail "no section names it: $out" ;; esac
	done
	# The fault keeps no device from being released.
	conf $admin/faulty.conf
	vmbus_bind --all
	conf $admin/faulty.conf '[copy]' enable=no
	is "driver before the release" "$(driver_of $dev2)" uio_hv_generic
	vmbus_bind --release
	is "driver after the release" "$(driver_of $dev2)" none
}

# In a file of UTF-16, each line has NUL bytes.
test_line_that_may_be_a_prohibition() {
	for text in '[\0n\0i\0c\0]\0\n\0e\0n\0a\0b\0l\0e\0=\0n\0o\0\n\0' '[copy]\nenable no' 'enable=no # mine'; do
		tree
		conf $vendor/10-fcopy.conf '[fcopy]'
		conf $vendor/20-nic.conf "[$dev2]"
		printf %b "$text" >"$root/$admin/faulty.conf"
		device $dev $fcopy
		nic $dev2 eth1 1
		vmbus_bind_does 2 --all
		is "driver of $dev" "$(driver_of $dev)" uio_hv_generic
		is "driver of $dev2" "$(driver_of $dev2)" hv_netvsc
		says "$dev2 (nic): left alone: a faulty file names it, or may name it ($root/$admin/faulty.conf:"
	done
}

test_values_that_are_right() {
	for key in force=yes force=no ring_size=4096 ring_size=4K ring_size=2M ring_size=20480 recv_buffer_size=1M \
		send_buffer_size=64K owner=root owner=0 'owner=DOM.user-1$' group=0 mode=0 mode=0660 mode=777 link=x \
		link=my/nic-1 link=a.b owner=4294967294; do
		printf '%s\n' '[get]' "$key"
	done >"$root/$admin/a.conf"
	vmbus_bind_does 0 --check
}

test_nul_byte() {
	printf '[get]\ndriver=a\0b\n' >"$root/nul"
	conf $vendor/20-get.conf "[$dev2]"
	cp "$root/nul" "$root/$admin/faulty.conf"
	device $dev2 $get
	vmbus_bind_does 2 $dev2
	says "faulty.conf:2: the line contains a NUL byte"
	log_is_empty
}

test_faulty_file_disables_what_it_names_by_mac_and_interface() {
	nic $dev eth1 1
	nic $dev2 eth2 2
	conf $admin/a.conf '[nic]' force=yes driver=one
	for name in "mac 00:15:5d:00:00:02" "interface eth2"; do
		conf $admin/faulty.conf "[$name]" nonsense
		is plan "$(plan $dev)" one
		is plan "$(plan $dev2)" nothing
	done
}

# make_file FOLDER: make a file in its place
make_file() {
	rmdir "$1"
	: >"$1"
}

# The file may disable any device, so those that the machine may need stay with
# the kernel.
test_file_that_cannot_be_read() {
	while read -r path reason command; do
		tree
		conf $vendor/10-fcopy.conf '[fcopy]'
		conf $vendor/20-nic.conf '[nic]' force=yes
		device $dev $fcopy
		nic $dev2 eth1 1
		$command "$root/$path"
		vmbus_bind_does 2 --all
		says "$root/$path: $(echo "$reason" | tr _ ' '), so no NIC, no disk controller and no PCI Express bridge is bound"
		is "driver of $dev" "$(driver_of $dev)" uio_hv_generic
		is "driver of $dev2" "$(driver_of $dev2)" hv_netvsc
	done <<-END
		$admin/a.conf No_such_file_or_directory ln -s missing
		$admin/a.conf Is_a_directory mkdir
		$admin Not_a_directory make_file
	END
}

test_check_warns_of_a_section_that_matches_nothing() {
	conf $admin/a.conf '[fcopy]' '' "[$dev2]" '[mac 00:15:5d:00:00:09]' '[interface eth9]'
	device $dev $fcopy
	nothing="warning: the section matches no device of this machine"
	warns "$admin/a.conf:3: $nothing" "$admin/a.conf:4: $nothing" "$admin/a.conf:5: $nothing"
}

test_check_warns_of_other_names() {
	conf $admin/a.conf.dpkg-old '[fcopy]' nonsense
	conf $admin/.a.conf '[fcopy]' nonsense
	conf $vendor/10-fcopy '[fcopy]'
	device $dev $fcopy
	is plan "$(plan $dev)" nothing
	vmbus_bind_does 0 --check
	says "$root/$admin/a.conf.dpkg-old: warning: ignored, because its name does not end in .conf"
	says "$root/$vendor/10-fcopy: warning: ignored"
}

test_check_warns_of_files_that_others_can_write_to() {
	for mode in 0664 0646 0666; do
		conf $admin/a.conf '[fcopy]'
		device $dev $fcopy
		chmod $mode "$root/$admin/a.conf"
		warns "$admin/a.conf: warning: users other than root can write to it (owner $(id -u), mode $mode); chown root:root and chmod go-w prevent that"
	done
	chmod 0644 "$root/$admin/a.conf"
	for folder in $admin $vendor; do
		chmod 0775 "$root/$folder"
		warns "$folder: warning: users other than root can write to it (owner $(id -u), mode 0775); chown root:root and chmod go-w prevent that"
		chmod 0755 "$root/$folder"
	done
	warns
}

test_check_warns_of_files_that_root_does_not_own() {
	[ "$(id -u)" = 0 ] || skip "only root can give a file to another user"
	for path in $admin/a.conf $admin; do
		conf $admin/a.conf '[fcopy]'
		device $dev $fcopy
		chown 65534 "$root/$path"
		vmbus_bind_does 0 --check
		says "$root/$path: warning: users other than root can write to it (owner 65534, mode 0"
		is lines "$(echo "$out" | wc -l)" 1
		chown 0 "$root/$path"
	done
}

test_check_warns_of_accounts_that_do_not_exist() {
	conf $admin/a.conf '[fcopy]' owner=nobody-at-all group=no-group-at-all
	device $dev $fcopy
	warns "$admin/a.conf:2: warning: owner: there is no user 'nobody-at-all'" \
		"$admin/a.conf:3: warning: group: there is no group 'no-group-at-all'"
}

# A package's file is for all machines, and so is an entry of driverctl.
test_check_accepts_a_package_for_a_device_that_is_absent() {
	mkdir -p "$root/etc/driverctl.d"
	conf $vendor/10-fcopy.conf '[fcopy]'
	conf etc/driverctl.d/vmbus-$dev2 uio_hv_generic
	device $dev $get
	warns
}

# The interface is in another namespace.
test_check_knows_that_an_interface_is_unknown() {
	conf $admin/a.conf '[interface eth1]' '[mac 00:15:5d:00:00:01]' link=port
	driver hv_netvsc
	device $dev $nic hv_netvsc
	warns
}

test_check_warns_of_one_link_for_two() {
	nic $dev eth1 1
	nic $dev2 eth2 2
	conf $admin/a.conf '[nic]' force=yes link=port
	warns "$admin/a.conf:3: warning: link: another device gets the link 'port', too"
	conf $admin/a.conf '[mac 00:15:5d:00:00:01]' link=port
	conf $admin/b.conf '[mac 00:15:5d:00:00:02]' mode=0600 link=port
	vmbus_bind --check
	out=$(echo "$out" | sed 's/.*conf:[23]: //')
	is output "$out" "warning: link: another device gets the link 'port', too"
}

test_check_accepts_a_link_for_one() {
	nic $dev eth1 1
	nic $dev2 eth2 2
	for other in "[$dev] link=port" \
		"[nic] link=port force=yes [$dev] link=ports" \
		"[nic] link=port force=yes [$dev] enable=no" \
		"[nic] link=port force=yes [$dev] driver=hv_netvsc"; do
		conf $admin/a.conf $other
		vmbus_bind --check
		is "output for $other" "$out" ""
	done
}

test_check_warns_of_a_small_ring() {
	device $dev $get
	conf $admin/a.conf '[get]' ring_size=4K
	warns "$admin/a.conf:2: warning: ring_size: the module rejects rings of fewer than two pages, $((2 * $(getconf PAGESIZE))) bytes: '4K'"
	conf $admin/a.conf '[get]' ring_size=$((2 * $(getconf PAGESIZE)))
	warns
}

test_check_warns_of_a_key_that_is_there_twice() {
	device $dev $get
	twice="warning: KEY: the section sets this key twice; the last value counts"
	conf $admin/a.conf '[get]'
	line=1
	set --
	for value in driver=one enable=yes force=no ring_size=1M recv_buffer_size=1M send_buffer_size=1M owner=0 group=0 \
		mode=0660 link=b; do
		printf '%s\n' $value $value >>"$root/$admin/a.conf"
		line=$((line + 2))
		set -- "$@" "$admin/a.conf:$line: $(echo "$twice" | sed "s/KEY/${value%%=*}/")"
	done
	warns "$@"
	conf $admin/a.conf '[get]' mode=0600 '[fcopy]' mode=0600 '[get]' mode=0600
	device $dev2 $fcopy
	warns
	conf $admin/a.conf '[get]' mode=9 mode=0600
	vmbus_bind_does 2 --check
	says "$admin/a.conf:3: $(echo "$twice" | sed s/KEY/mode/)"
}

# Editors on Windows begin a file with a byte order mark.
test_byte_order_mark() {
	printf '\357\273\277[fcopy]\r\ndriver=one\r\n' >"$root/$admin/a.conf"
	device $dev $fcopy
	warns
	is plan "$(plan $dev)" one
}

test_machine_without_vmbus() {
	rm -r "$root/sys"
	conf $admin/a.conf '[fcopy]'
	while IFS='|' read -r arguments message; do
		vmbus_bind_does 0 $arguments
		is "output of $arguments" "$out" "$message"
	done <<-END
		--check|this machine has no VMBus, so the sections are not compared with devices
		--dry-run --all|this machine has no VMBus, so there is no device to bind
		--all|
	END
}

run_tests
