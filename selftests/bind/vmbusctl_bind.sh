#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Test vmbusctl bind, unbind, show and ring-size, and the syntax of driverctl
# for them.
# shellcheck disable=SC2016,SC2086,SC2154,SC2317 # the model expands what is in single quotes; GUIDs need no quotes; tests are called by name
# shellcheck source=guest.sh
command . "$(dirname "$0")/guest.sh" || exit 1

file1=$admin/60-$nic1.conf

# file_is PATH LINE...: compare a file, without the first line of vmbusctl's
# files
file_is() {
	path=$1
	shift
	[ -f "$root/$path" ] || fail "there is no $path: $err"
	is "$path" "$(grep -v '^# Written by vmbusctl' "$root/$path")" "$(printf '%s\n' "$@")"
}

no_file() {
	[ ! -e "$root/$1" ] || fail "$1 is there: $(cat "$root/$1")"
}

# entry INSTANCE DRIVER: make an entry of driverctl
entry() {
	put etc/driverctl.d/vmbus-$1 "$2"
}

test_bind() {
	does 0 bind eth1
	is driver "$(driver_of $nic1)" uio_hv_generic
	file_is $file1 "[$nic1]" driver=uio_hv_generic
	is output "$out" "eth1 (b6650ff7…): bound to uio_hv_generic, taken over from hv_netvsc; rule: $root/$file1"
	is errors "$err" ""
	does 0 bind $nic1
	is output "$out" "$nic1 (nic): already bound to uio_hv_generic; rule: $root/$file1"
}

test_rule_that_cannot_be_written_changes_nothing() {
	mkdir -p "$root/$file1.new"
	for command in 'bind eth1' 'bind --boot eth1'; do
		does 1 $command
		complains "vmbusctl: $root/$file1 cannot be written: Is a directory"
		is driver "$(driver_of $nic1)" hv_netvsc
	done
	no_file $file1
	conf $file1 "[$nic1]" driver=uio_hv_generic "[$nic0]" enable=no
	does 0 bind --now eth1
	for command in 'ring-size eth1 64K' 'unbind eth1'; do
		does 1 $command
		complains "vmbusctl: $root/$file1 cannot be written: Is a directory"
		is driver "$(driver_of $nic1)" uio_hv_generic
	done
	file_is $file1 "[$nic1]" driver=uio_hv_generic "[$nic0]" enable=no
}

test_fault_that_keeps_the_device_is_named() {
	conf $admin/50-bad.conf '[interface eth1]' foo=1
	for command in 'bind eth1' 'bind --now eth1' 'bind --boot eth1' 'bind --force eth1' 'ring-size eth1 64K'; do
		does 2 $command
		complains "vmbusctl: eth1 (b6650ff7…): left alone: a faulty file names it, or may name it"
		complains "vmbusctl: $root/$admin/50-bad.conf:2: unknown key 'foo'"
	done
	no_file $file1
}

test_wrong_arguments() {
	while IFS='|' read -r arguments message; do
		does 2 $arguments
		complains "vmbusctl: ${arguments%% *}: $message"
		complains "Try 'vmbusctl ${arguments%% *} --help' for more information."
	done <<-END
		bind --now --boot eth1|--now and --boot exclude each other
		set-override --nosave --noprobe eth1 uio_hv_generic|--nosave and --noprobe exclude each other
		bind|an argument is missing
		unbind|an argument is missing
		unset-override|an argument is missing
		ring-size|an argument is missing
		show|an argument is missing
		ring-size --boot eth1|an argument is missing after 'eth1'
		set-override eth1|an argument is missing after 'eth1'
		bind eth1 uio_hv_generic eth0|unexpected argument 'eth0'
		unbind eth0 eth1|unexpected argument 'eth1'
		set-override eth1 uio_hv_generic more|unexpected argument 'more'
		ring-size uio0 64K 64K|unexpected argument '64K'
		show eth0 eth1|unexpected argument 'eth1'
		doctor eth0|unexpected argument 'eth0'
		list-overrides eth1|unexpected argument 'eth1'
		unbind --force eth1|unexpected option --force
		unset-override -f eth1|unexpected option --force
		bind --nosave eth1|unexpected option --nosave
		list -b vmbus|unexpected option --bus
	END
	log_is_empty
}

# vmbusctl writes the rule, and removes it after a failure, while it holds the
# lock of the device. So a run for vmbus-bind.path that begins meanwhile does
# not try again.
test_bind_that_fails_leaves_no_rule_to_another_run() {
	echo 12 >"$root/kernel/probe/uio_hv_generic"
	before '*/uio_hv_generic/bind*' ": >'$root/kernel/binding'; until [ -e '$root/kernel/go-on' ]; do sleep 0.05; done"
	"$dir/vmbusctl" bind eth1 >/dev/null 2>&1 &
	first=$!
	until [ -e "$root/kernel/binding" ]; do sleep 0.05; done
	[ -e "$root/$file1" ] || fail "there is no rule yet"
	"$dir/vmbus-bind-model" --all >/dev/null 2>&1 &
	until_it_waits $!
	: >"$root/kernel/go-on"
	wait $! || :
	! wait $first || fail "vmbusctl succeeded"
	is attempts "$(grep -c "uio_hv_generic/bind $nic1" "$root/kernel/log")" 1
	no_file $file1
	is driver "$(driver_of $nic1)" hv_netvsc
}

test_bind_keeps_the_driver_of_the_rule() {
	driver other
	conf $admin/50-nic.conf '[nic]' force=yes driver=other
	does 0 bind eth1
	is driver "$(driver_of $nic1)" other
	file_is $file1 "[$nic1]" driver=other
}

# A NIC without a driver has no interface for which the command could wait.
test_bind_a_nic_without_an_interface() {
	conf $admin/50-other.conf '[interface eth9]' '[mac 00:15:5d:00:00:09]'
	device $third $nic
	does 0 bind $third
	is driver "$(driver_of $third)" uio_hv_generic
}

test_bind_for_the_next_boot() {
	does 0 bind --boot eth1
	file_is $file1 "[$nic1]" driver=uio_hv_generic
	is output "$out" "eth1 (b6650ff7…): bound at the next boot; rule: $root/$file1"
	log_is_empty
	vmbus_bind --all
	is "driver after vmbus-bind --all" "$(driver_of $nic1)" hv_netvsc
	boot
	vmbus_bind --udev $nic1
	is "driver after the boot" "$(driver_of $nic1)" uio_hv_generic
}

test_bind_for_the_next_boot_of_a_bound_device() {
	does 0 bind --now eth1
	does 0 bind --boot eth1
	rm -r "$bus/devices/$nic1"
	device $nic1 "$nic"
	vmbus_bind --udev $nic1
	is "driver after a new offer" "$(driver_of $nic1)" uio_hv_generic
}

test_bind_that_cannot_wait() {
	mkdir -p "$root/run/hyperv-uio"
	: >"$root/run/hyperv-uio/held"
	does 1 bind --boot eth1
	complains "vmbusctl: eth1 (b6650ff7…): it cannot be held in /run/hyperv-uio/held: "
	no_file $file1
	is driver "$(driver_of $nic1)" hv_netvsc
}

test_bind_of_a_nic_that_is_up() {
	for when in --now --persistent; do
		does 6 bind $when eth0
		complains "eth0 (000d3a31…): not bound to uio_hv_generic: interface eth0 is up; 'ip link set eth0 down' allows it; --force overrides this"
		case $when,$err in
		--now,*force=yes*) fail "with --now nothing is written: $err" ;;
		--now,*) ;;
		*) complains "vmbusctl: --force writes force=yes, which applies at each boot; 'vmbusctl bind --now --force' binds it once" ;;
		esac
		is driver "$(driver_of $nic0)" hv_netvsc
		no_file $admin/60-$nic0.conf
	done
	# The next boot finds it down. A disk controller needs force=yes then,
	# too.
	does 0 bind --boot eth0
	file_is $admin/60-$nic0.conf "[$nic0]" driver=uio_hv_generic
	# A container has the interface.
	rm -r "$bus/devices/$nic1/net" "$root/sys/class/net/eth1"
	does 0 bind --boot $nic1
	file_is $file1 "[$nic1]" driver=uio_hv_generic
	does 6 bind --boot scsi
	complains "scsi (f8b3781a…): not bound to uio_hv_generic: a disk controller or a PCI Express bridge needs force=yes"
	no_file $admin/60-$disk.conf
	log_is_empty
}

test_bind_of_a_nic_that_comes_up_meanwhile() {
	before '*/driver_override*' "echo 0x1003 >'$root/sys/class/net/eth1/flags'"
	does 6 bind eth1
	complains "eth1 (b6650ff7…): not bound to uio_hv_generic: interface eth1 is up; 'ip link set eth1 down' allows it; --force overrides this"
	is driver "$(driver_of $nic1)" hv_netvsc
	no_file $file1
}

test_bind_in_a_kdump_kernel() {
	put proc/vmcore ''
	does 6 bind --force eth1
	complains "eth1 (b6650ff7…): not bound to uio_hv_generic: a kdump kernel binds nothing"
	no_file $file1
	log_is_empty
}

test_bind_by_force() {
	does 0 bind --now -f eth0
	is driver "$(driver_of $nic0)" uio_hv_generic
	no_file $admin/60-$nic0.conf
	does 0 bind --force $nic0
	file_is $admin/60-$nic0.conf "[$nic0]" driver=uio_hv_generic force=yes
	does 0 show $nic0
	says ", force"
	# The next boot needs the key.
	does 0 bind $nic0
	file_is $admin/60-$nic0.conf "[$nic0]" driver=uio_hv_generic force=yes
}

test_failure_puts_the_old_rule_back() {
	entry $nic1 hv_netvsc
	does 1 bind eth1 missing
	is entry "$(cat $root/etc/driverctl.d/vmbus-$nic1)" hv_netvsc
	no_file $file1
	does 0 bind eth1 uio_hv_generic
	before=$(cat $root/$file1)
	does 1 bind eth1 missing
	is file "$(cat $root/$file1)" "$before"
	is driver "$(driver_of $nic1)" uio_hv_generic
}

# The device is bound, so its rule stays, and the setting can be corrected.
test_setting_that_fails_leaves_the_rule() {
	put "run/hyperv-uio/held/$nic1" ""
	conf $file1 "[$nic1]" group=no-group-at-all
	does 1 bind eth1
	is driver "$(driver_of $nic1)" uio_hv_generic
	file_is $file1 "[$nic1]" driver=uio_hv_generic group=no-group-at-all
	is "what is held" "$(ls "$root/run/hyperv-uio/held")" ""
}

test_driver_that_is_no_name() {
	for name in ../x -f/x '' 'a b' "$(printf %064d 0)"; do
		does 2 bind -- eth1 "$name"
		complains "is not the name of a driver"
	done
	# The device does not matter.
	for device in eth1 no-device; do
		does 2 bind $device none
		complains "a device cannot be kept without a driver"
	done
	log_is_empty
}

test_keys_of_the_administrator_stay() {
	conf $file1 '# mine' "[$nic1]" ring_size=64K 'group = 8' enable=no 'driver = hv_netvsc' '' '[fcopy]' driver=hv_utils
	does 0 bind eth1 uio_hv_generic
	is file "$(cat $root/$file1)" "$(printf '%s\n' '# mine' "[$nic1]" driver=uio_hv_generic ring_size=64K 'group = 8' '' '[fcopy]' driver=hv_utils)"
}

test_several_sections_for_the_device() {
	conf $file1 "[$nic1]" driver=one mode=0600 "[{$(echo $nic1 | tr a-f A-F)}]" driver=two enable=no
	does 0 bind eth1 uio_hv_generic
	is file "$(cat $root/$file1)" "$(printf '%s\n' "[$nic1]" driver=uio_hv_generic mode=0600 "[{$(echo $nic1 | tr a-f A-F)}]")"
}

test_another_file_that_wins() {
	while read -r key message; do
		conf $admin/99-last.conf "[$nic1]" $key
		for when in --persistent --boot; do
			does 1 bind $when eth1 uio_hv_generic
			complains "99-last.conf:$message"
			no_file $file1
			is waiting "$(ls $root/run/hyperv-uio/held 2>/dev/null)" ""
		done
		is driver "$(driver_of $nic1)" hv_netvsc
	done <<-END
		driver=other 2 takes precedence, and names the driver other
		enable=no 2 takes precedence: enable=no
	END
	conf $admin/99-last.conf "[$nic1]" enable=yes
	does 0 bind eth1
	for when in --persistent --boot; do
		does 1 unbind $when eth1
		complains "eth1 (b6650ff7…): not released: $root/$admin/99-last.conf:2 takes precedence: enable=yes"
		file_is $file1 "[$nic1]" driver=uio_hv_generic
		is driver "$(driver_of $nic1)" uio_hv_generic
	done
}

# The section of an instance takes precedence over that of its class.
test_bind_of_what_another_section_disables() {
	for name in nic "$nic1"; do
		conf $admin/50-nic.conf "[$name]" enable=no
		does 0 bind eth1
		is driver "$(driver_of $nic1)" uio_hv_generic
		file_is $file1 "[$nic1]" driver=uio_hv_generic enable=yes
		does 0 unbind $nic1
		no_file $file1
	done
}

test_folder_is_made() {
	rm -r "${root:?}/etc"
	does 0 bind eth1
	file_is $file1 "[$nic1]" driver=uio_hv_generic
	is mode "$(stat -c %a $root/$file1)" 644
	is "files beside it" "$(ls $root/$admin)" "60-$nic1.conf"
}

test_file_that_cannot_be_written() {
	rm -r "${root:?}/$admin"
	ln -s missing "$root/$admin"
	for when in --persistent --boot; do
		does 1 bind $when eth1
		is driver "$(driver_of $nic1)" hv_netvsc
		is waiting "$(ls $root/run/hyperv-uio/held 2>/dev/null)" ""
	done
	log_is_empty
}

test_device_that_leaves_meanwhile() {
	for word in driver_override uio_hv_generic/ring_size; do
		for when in --now --persistent; do
			guest
			conf $admin/50-nic.conf "[$nic1]" ring_size=64K
			rescind_at $word
			does 1 bind $when eth1
			is errors "$err" "vmbusctl: eth1 (b6650ff7…): the host has rescinded it"
			is output "$out" ""
			no_file $file1
		done
	done
}

test_unbind() {
	does 0 bind eth1
	does 0 unbind eth1
	is driver "$(driver_of $nic1)" hv_netvsc
	no_file $file1
	is override "$(cat $bus/devices/$nic1/driver_override)" "(null)"
	is output "$out" "eth1 (b6650ff7…): released by uio_hv_generic, now bound to hv_netvsc; removed: $root/$file1"
	does 0 show $nic1
	says "outcome     no-rule"
}

test_unbind_now_holds_until_the_next_boot() {
	does 0 bind eth1
	does 0 unbind --now uio1
	is output "$out" "uio1 (b6650ff7…): released by uio_hv_generic, now bound to hv_netvsc; $root/$file1 binds it again at the next boot"
	file_is $file1 "[$nic1]" driver=uio_hv_generic
	does 0 unbind --now eth1
	does 0 show eth1
	says "outcome     waits: an administrator released it, or lets it wait for the next boot"
	does 0 show -j eth1
	says '"outcome":"waits"'
	does 0 list eth1
	says "60-INSTANCE.conf (waits)"
	for args in "-n --all" --all "--udev $nic1" "--udev --all" "--udev --new-interface $nic1"; do
		vmbus_bind $args
		is "driver after $args" "$(driver_of $nic1)" hv_netvsc
		[ "${args#*new}" != "$args" ] || says "$nic1 (nic): left alone: an administrator released it"
	done
	rm -r "$bus/devices/$nic1"
	device $nic1 "$nic"
	vmbus_bind --udev $nic1
	is "driver after an offer" "$(driver_of $nic1)" none
	boot
	vmbus_bind --udev $nic1
	is "driver after the boot" "$(driver_of $nic1)" uio_hv_generic
}

test_unbind_now_holds_a_device_of_any_class() {
	echo uio_hv_generic >$bus/devices/$copy/driver_override
	echo "$fcopy" >"$root/kernel/ids/hv_utils"
	does 0 unbind --now fcopy
	is driver "$(driver_of $copy)" hv_utils
	vmbus_bind --udev $copy
	vmbus_bind --all
	is "driver after vmbus-bind" "$(driver_of $copy)" hv_utils
	does 0 bind --now fcopy
	is "driver after bind" "$(driver_of $copy)" uio_hv_generic
	no_file run/hyperv-uio/held/$copy
}

# No rule names the NIC after the release, so a rule that is written later
# counts.
test_release_without_a_rule_leaves_no_note() {
	while IFS='|' read -r bind release; do
		guest
		does 0 $bind eth1
		$release $nic1
		is "driver after $release" "$(driver_of $nic1)" hv_netvsc
		is "waiting after $release" "$(ls $root/run/hyperv-uio/held 2>/dev/null)" ""
		conf $admin/50-dpdk.conf '[interface eth1]'
		vmbus_bind --all
		is "driver after vmbus-bind --all" "$(driver_of $nic1)" uio_hv_generic
	done <<-END
		bind --now|vmbusctl unbind --now
		bind --now|vmbus_bind --release
		bind|vmbusctl unbind
		bind --boot|vmbusctl unbind
	END
}

test_release_that_fails_leaves_no_note() {
	for release in "vmbusctl unbind --now $nic1" "vmbus_bind --release $nic1"; do
		guest
		does 0 bind eth1
		echo "uio_hv_generic/unbind 5" >"$root/kernel/errors"
		$release
		is "status of $release" $status 1
		is driver "$(driver_of $nic1)" uio_hv_generic
		is "waiting after $release" "$(ls $root/run/hyperv-uio/held)" ""
	done
}

# The command names the device, but the guard refuses it, so what the
# administrator wanted before remains in effect.
test_bind_that_fails_ends_no_release() {
	for bind in "bind eth1" "bind --now eth1" "bind --boot eth1 third"; do
		guest
		driver third
		does 0 bind eth1
		does 0 unbind --now uio1
		conf $admin/99-nic.conf "[$nic1]" driver=uio_hv_generic
		echo 22 >"$root/kernel/probe/uio_hv_generic"
		does 1 $bind
		rm "$root/kernel/probe/uio_hv_generic"
		is "waiting after $bind" "$(ls $root/run/hyperv-uio/held)" $nic1
		vmbus_bind --all
		is "driver after $bind" "$(driver_of $nic1)" hv_netvsc
	done
}

# vmbus-bind --all has decided and waits for the device while vmbusctl releases
# it.
test_release_during_vmbus_bind_all() {
	conf $admin/50-dpdk.conf '[interface eth1]'
	while_locked $nic1 "put run/hyperv-uio/held/$nic1 ''" --all
	says "$nic1 (nic): left alone: "
	is driver "$(driver_of $nic1)" hv_netvsc
}

test_bind_ends_a_release() {
	for bind in "vmbusctl bind" "vmbusctl bind --now" vmbus_bind; do
		guest
		conf $admin/50-nic.conf "[$nic1]"
		put run/hyperv-uio/held/$nic1 ''
		$bind $nic1
		is "driver after $bind" "$(driver_of $nic1)" uio_hv_generic
		is "waiting after $bind" "$(ls $root/run/hyperv-uio/held)" ""
	done
}

test_unbind_now_promises_no_boot_that_a_fault_prevents() {
	does 0 bind eth1
	conf $admin/50-bad.conf "[$nic1]" foo=1
	does 0 unbind --now uio1
	is output "$out" "uio1 (b6650ff7…): released by uio_hv_generic, now bound to hv_netvsc"
}

test_unbind_now_promises_no_boot_that_lacks_force() {
	for force in no yes; do
		guest
		does 0 bind --now --force scsi
		conf $admin/50-disk.conf "[$disk]" force=$force
		does 0 unbind --now scsi
		case $force in
		yes) says "; $root/$admin/50-disk.conf binds it again at the next boot" ;;
		no) lacks "at the next boot" ;;
		esac
	done
}

test_unbind_for_the_next_boot() {
	does 0 bind eth1
	: >"$root/kernel/log"
	does 0 unbind --boot eth1
	is driver "$(driver_of $nic1)" uio_hv_generic
	no_file $file1
	log_is_empty
}

test_unbind_of_what_another_file_names() {
	for name in $nic1 "mac $mac1" "interface eth1"; do
		conf $admin/50-nic.conf '# mine' "[$name]"
		does 0 bind eth1
		does 0 unbind eth1
		is output "$out" "eth1 (b6650ff7…): released by uio_hv_generic, now bound to hv_netvsc; disabled in $root/$file1, because $root/$admin/50-nic.conf:2 names the device"
		file_is $file1 "[$nic1]" enable=no
		does 0 show eth1
		says "outcome     disabled: "
	done
	does 0 bind --boot eth1
	file_is $file1 "[$nic1]" driver=uio_hv_generic
	conf $file1 '[vss]' enable=no "[$nic1]" driver=uio_hv_generic
	conf $admin/50-nic.conf "[$nic1]" enable=no
	does 0 unbind --boot eth1
	file_is $file1 '[vss]' enable=no
}

# An administrator may add sections to the file of vmbusctl.
test_unbind_of_what_another_section_of_its_file_names() {
	does 0 bind eth1
	echo '[interface eth1]' >>"$root/$file1"
	does 0 unbind eth1
	file_is $file1 '[interface eth1]' "[$nic1]" enable=no
	vmbus_bind --all
	is driver "$(driver_of $nic1)" hv_netvsc
}

test_header_with_blanks() {
	conf $file1 " [ $nic1 ]	" enable=no mode=0600
	does 0 bind eth1
	file_is $file1 " [ $nic1 ]	" driver=uio_hv_generic mode=0600
	does 0 unbind eth1
	no_file $file1
}

# Somebody may repair the faulty file.
test_unbind_of_what_a_faulty_file_names() {
	conf $admin/50-mine.conf "[$nic1]"
	vmbus_bind --all
	conf $admin/50-mine.conf "[$nic1]" foo=1
	does 0 unbind eth1
	file_is $file1 "[$nic1]" enable=no
	conf $admin/50-mine.conf "[$nic1]"
	vmbus_bind --all
	is driver "$(driver_of $nic1)" hv_netvsc
}

# While the override is there, no other driver can take the device.
test_unbind_of_an_override_without_a_driver() {
	does 0 bind eth1
	"$root/kernel/model" write /sys/bus/vmbus/drivers/uio_hv_generic/unbind $nic1
	does 0 unbind $nic1
	is override "$(cat "$bus/devices/$nic1/driver_override")" "(null)"
	is driver "$(driver_of $nic1)" hv_netvsc
	is output "$out" "$nic1 (nic): released by uio_hv_generic, now bound to hv_netvsc; removed: $root/$file1"
}

# The machine may use a device that has a driver of the kernel.
test_release_from_another_driver_clears_only_the_override() {
	for release in "vmbusctl unbind" "vmbus_bind --release"; do
		while read -r device driver; do
			guest
			does 0 bind --force $device
			does 0 bind --force $device $driver
			: >"$root/kernel/log"
			$release $device
			is override "$(cat "$bus/devices/$device/driver_override")" "(null)"
			is driver "$(driver_of $device)" $driver
			! grep -q unbind "$root/kernel/log" || fail "$device was unbound"
			says "override cleared, still bound to $driver"
		done <<-END
			$nic1 hv_netvsc
			$disk hv_storvsc
		END
	done
}

# The rule was refused until now, because the interface was up.
test_release_of_what_a_rule_could_not_bind() {
	for release in "vmbusctl unbind --now eth0" "vmbus_bind --release $nic0"; do
		guest
		conf $admin/50-dpdk.conf "[$nic0]"
		$release
		case $release in *eth0)
			is output "$out" "eth0 (000d3a31…): bound to hv_netvsc, which the kernel chose; $root/$admin/50-dpdk.conf binds it again at the next boot"
			;;
		esac
		"$root/kernel/model" interface eth0 down
		vmbus_bind --all
		is "driver after $release" "$(driver_of $nic0)" hv_netvsc
	done
}

test_unbind_of_what_nobody_bound() {
	does 0 unbind eth1
	is driver "$(driver_of $nic1)" hv_netvsc
	is output "$out" "eth1 (b6650ff7…): bound to hv_netvsc, which the kernel chose"
	no_file $file1
	log_is_empty
	rm $bus/devices/$nic1/driver
	does 0 unbind eth1
	is output "$out" "eth1 (b6650ff7…): has no driver"
}

# Bind by hand, as in DPDK's guide: new_id, unbind, bind.
test_unbind_of_what_was_bound_by_hand() {
	echo "$nic" >>"$root/kernel/ids/uio_hv_generic"
	"$root/kernel/model" write /sys/bus/vmbus/drivers/hv_netvsc/unbind $nic1
	"$root/kernel/model" write /sys/bus/vmbus/drivers/uio_hv_generic/bind $nic1
	is driver "$(driver_of $nic1)" uio_hv_generic
	does 0 unbind $nic1
	is driver "$(driver_of $nic1)" hv_netvsc
}

test_ring_size_is_shown() {
	mkdir -p "$bus/drivers/uio_hv_generic"
	printf '%s\n' "$fcopy 20480" "other 69632" >"$bus/drivers/uio_hv_generic/ring_size"
	does 0 ring-size uio0
	is output "$(echo "$out" | tr -s ' ' | tr '\n' ';')" "now 20 KiB;class 20 KiB;"
	conf $admin/50-copy.conf "[$copy]" ring_size=64K
	does 0 ring-size uio0
	says "rule    64 KiB"
	does 0 ring-size eth1
	says "class   68 KiB"
	says "eth1 (b6650ff7…): bound to hv_netvsc; only a device that is bound to uio_hv_generic shows its ring size"
}

test_ring_size_is_set() {
	for size in 65536 065536 64K; do
		does 0 ring-size uio0 $size
		is now "$(cat $bus/devices/$copy/uio_hv_generic/ring_size)" 65536
		file_is $admin/60-$copy.conf "[$copy]" ring_size=65536
		rm $root/$admin/60-$copy.conf
		echo 20480 >$bus/devices/$copy/uio_hv_generic/ring_size
	done
	does 0 ring-size --now uio0 1M
	is now "$(cat $bus/devices/$copy/uio_hv_generic/ring_size)" 1048576
	no_file $admin/60-$copy.conf
}

test_ring_size_in_the_rule() {
	does 0 ring-size --boot uio0 64K
	is now "$(cat $bus/devices/$copy/uio_hv_generic/ring_size)" 20480
	file_is $admin/60-$copy.conf "[$copy]" ring_size=65536
	does 0 show uio0
	says "ring size 64 KiB"
	vmbus_bind --all
	is "size after vmbus-bind --all" "$(cat $bus/devices/$copy/uio_hv_generic/ring_size)" 65536
}

test_ring_size_default() {
	conf $admin/60-$copy.conf "[$copy]" mode=0660 ring_size=64K
	does 0 ring-size uio0 default
	is output "$out" "uio0 (eb765408…): ring size of the driver; rule: $root/$admin/60-$copy.conf"
	file_is $admin/60-$copy.conf "[$copy]" mode=0660
	is written "$(grep ring_size $root/kernel/log | sed 's/.*ring_size //')" default
	does 0 show uio0
	lacks "ring size"
}

# An empty section would bind the device after the package's file has gone.
test_ring_size_default_leaves_no_empty_section() {
	does 0 ring-size uio0 64K
	does 0 ring-size uio0 default
	is output "$out" "uio0 (eb765408…): ring size of the driver; removed: $root/$admin/60-$copy.conf"
	no_file $admin/60-$copy.conf
	does 0 show uio0
	says "rule        $root/$vendor/10-fcopy.conf:1"
}

# This section binds the device, because no other one does.
test_ring_size_default_keeps_the_only_section() {
	conf $file1 "[$nic1]" ring_size=64K
	vmbus_bind_does 0 --all
	does 0 ring-size eth1 default
	file_is $file1 "[$nic1]"
}

test_ring_size_that_is_none() {
	for size in 1000 0 -4096 64KB 64X 64k 0x10000 010000 17592186044417M 4096M many '' 4294967296 99999999999999999999; do
		does 2 ring-size -- uio0 "$size"
		complains "vmbusctl: '$size' is no ring size: a ring size is a multiple of"
	done
	does 2 ring-size no-device 1000
	complains "'1000' is no ring size"
	log_is_empty
	no_file $admin/60-$copy.conf
}

# size_error ERRNO: let the module refuse a ring size
size_error() {
	echo "uio_hv_generic/ring_size $1" >"$root/kernel/errors"
}

test_ring_size_that_the_module_refuses() {
	while IFS='|' read -r prepare message; do
		guest
		$prepare
		does 1 ring-size uio0 64K
		is message "$err" "vmbusctl: uio0 (eb765408…): $message
vmbusctl: uio0 (eb765408…): its rule has not been changed"
		no_file $admin/60-$copy.conf
	done <<-END
		size_error 16|ring_size cannot be set to 65536: a program has the device open or one of its rings mapped
		size_error 19|ring_size cannot be set to 65536: the device has failed (see the kernel log)
		size_error 22|ring_size cannot be set to 65536: the module rejected this size (see the kernel log for the limits)
		rm -r $bus/devices/$copy/uio_hv_generic|ring_size cannot be set to 65536: only the uio_hv_generic of hyperv-uio supports this, and the device is not bound to it
		rescind_at uio_hv_generic/ring_size|the host has rescinded it
	END
}

# The size is set, so the message names what was not.
test_ring_size_whose_ring_file_keeps_the_kernels_mode() {
	conf $admin/50-copy.conf "[$copy]" mode=0660
	echo "channels/14/ring 1" >"$root/kernel/errors"
	does 1 ring-size --now uio0 64K
	is size "$(cat $bus/devices/$copy/uio_hv_generic/ring_size)" 65536
	is message "$err" "vmbusctl: uio0 (eb765408…): owner, group or mode of $bus/devices/$copy/channels/14/ring cannot be set: Operation not permitted"
}

# A section with nothing but a size would bind the device.
test_ring_size_of_a_device_without_a_rule() {
	does 1 ring-size --boot eth1 64K
	complains "vmbusctl: eth1 (b6650ff7…): no rule binds it"
	no_file $file1
}

test_ring_size_that_another_file_sets() {
	conf $admin/99-copy.conf "[$copy]" ring_size=128K
	does 1 ring-size --boot uio0 64K
	complains "vmbusctl: uio0 (eb765408…): another file sets its ring size"
	no_file $admin/60-$copy.conf
}

# The syntax of driverctl

test_set_override_with_a_bus() {
	for form in "-b vmbus set-override" "--bus vmbus set-override" "set-override -b vmbus" "--bus=vmbus set-override" "-v set-override"; do
		does 0 $form eth1 uio_hv_generic
		file_is $file1 "[$nic1]" driver=uio_hv_generic
		does 0 ${form%%set-override*}unset-override${form##*set-override} eth1
		no_file $file1
	done
	does 0 set-override vmbus/$nic1 uio_hv_generic
	file_is $file1 "[$nic1]" driver=uio_hv_generic
}

test_set_override_on_another_bus() {
	does 2 -b pci set-override 0000:00:1f.2 vfio-pci
	complains "the bus must be vmbus, not pci; use driverctl for other buses"
	does 2 --bus pci list-overrides
	log_is_empty
}

test_list_overrides() {
	rm $root/$vendor/10-fcopy.conf
	echo "(null)" >$bus/devices/$copy/driver_override
	does 0 list-overrides
	is output "$out" ""
	for option in "" --nosave --noprobe; do
		does 0 $option set-override eth1 uio_hv_generic
		does 0 list-overrides
		is "output $option" "$out" "$nic1 uio_hv_generic"
		does 0 -v list-overrides
		case $option in
		--nosave) is output "$out" "$nic1 uio_hv_generic not persistent" ;;
		*) is output "$out" "$nic1 uio_hv_generic $root/$file1" ;;
		esac
		does 0 $option unset-override eth1
		is "driver in the end $option" "$(driver_of $nic1)" hv_netvsc
		no_file $file1
	done
}

# Both tools together

# The guard protects the device of an entry like the device of a section.
test_entry_of_driverctl_is_guarded() {
	entry $nic0 uio_hv_generic
	vmbus_bind --udev $nic0
	is driver "$(driver_of $nic0)" hv_netvsc
	vmbusctl show eth0
	says "$root/etc/driverctl.d/vmbus-$nic0:1"
	says "outcome     refused: interface eth0 is up; 'ip link set eth0 down' allows it"
}

test_section_of_ours_wins_over_an_entry() {
	entry $kvp0 uio_hv_generic
	conf $vendor/50-kvp.conf "[$kvp0]" enable=no
	vmbus_bind --udev $kvp0
	is driver "$(driver_of $kvp0)" hv_utils
}

test_entry_wins_over_a_class() {
	entry $copy hv_utils
	echo "$fcopy" >>"$root/kernel/ids/hv_utils"
	vmbus_bind $copy
	is driver "$(driver_of $copy)" hv_utils
}

test_bad_entry_stops_nothing() {
	for name in ../../x "uio_hv_generic # y"; do
		entry $kvp0 "$name"
		vmbus_bind --check
		says "$root/etc/driverctl.d/vmbus-$kvp0: warning: this driverctl entry does not name a driver"
		vmbus_bind --udev $kvp0
		is driver "$(driver_of $kvp0)" hv_utils
	done
	entry copy uio_hv_generic
	rm $bus/devices/$copy/driver
	vmbus_bind --udev $copy
	is driver "$(driver_of $copy)" uio_hv_generic
}

test_bind_moves_an_entry() {
	for command in bind "bind --boot"; do
		guest
		entry $nic1 uio_hv_generic
		does 0 $command eth1
		file_is $file1 "[$nic1]" driver=uio_hv_generic
		no_file etc/driverctl.d/vmbus-$nic1
		says "moved from driverctl: $root/etc/driverctl.d/vmbus-$nic1"
	done
}

test_unbind_removes_an_entry() {
	entry $nic1 uio_hv_generic
	does 0 bind --now eth1
	does 0 unbind eth1
	no_file etc/driverctl.d/vmbus-$nic1
	no_file $file1
	is driver "$(driver_of $nic1)" hv_netvsc
	says "removed: $root/etc/driverctl.d/vmbus-$nic1"
}

run_tests guest
