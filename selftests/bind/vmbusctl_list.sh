#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check vmbusctl list and show: each column, each key of the JSON, and
# attributes that cannot be read.
# shellcheck disable=SC2086,SC2154,SC2317 # GUIDs and numbers need no quotes; tests are called by name
# shellcheck source=guest.sh
command . "$(dirname "$0")/guest.sh" || exit 1

# row TEXT: print the line with this text, with one blank between its columns
row() {
	printf '%s\n' "$out" | grep -F -- "$1" | head -n 1 | tr -s ' '
}

test_list() {
	does 0 list -v
	is header "$(row INSTANCE)" "INSTANCE CLASS DRIVER UIO INTERFACE MAC CHANNELS RING MONITORED STATE RULE LINK"
	is fcopy "$(row $copy)" "$copy fcopy uio_hv_generic uio0 - - 1 20 KiB no open 10-fcopy.conf by-class/fcopy"
	is nic "$(row $nic0)" "$nic0 nic hv_netvsc - eth0 $mac0 2 - yes open - -"
	is kvp "$(row $kvp0)" "$kvp0 kvp hv_utils - - - 1 - no open - -"
}

# A table fits 80 columns: it has the digits that tell the devices apart, and
# drops columns.
test_list_fits_80_columns() {
	vmbusctl list
	is lines "$(echo "$out" | wc -l)" 7
	is header "$(row INSTANCE)" "INSTANCE CLASS DRIVER UIO INTERFACE RULE"
	is fcopy "$(row uio0)" "eb765408 fcopy uio_hv_generic uio0 - 10-fcopy.conf"
	is nic "$(row eth0)" "000d3a31 nic hv_netvsc - eth0 -"
	is "wide lines" "$(echo "$out" | grep -c '.\{81\}')" 0
	is order "$(echo "$out" | sed 1d)" "$(echo "$out" | sed 1d | sort)"
	device eb765408-205f-49b6-b4aa-c123b64d17d4 $kvp
	vmbusctl list
	says "eb765408-1  fcopy"
	device eb765408-105f-49b6-b4aa-c123b64d17d5 $kvp
	vmbusctl list
	says "$copy  fcopy"
}

# A wide terminal has room for every column, and a narrow one for few.
test_list_fits_the_terminal() {
	command -v script >/dev/null || skip "script (bsdutils) is not installed"
	for width in 150 60; do
		out=$(NO_COLOR=1 script -qec "stty cols $width; $dir/vmbusctl list" /dev/null </dev/null | tr -d '\r')
		if [ $width = 150 ]; then
			says "MONITORED  STATE  RULE           LINK"
		else
			is header "$(row INSTANCE)" "INSTANCE CLASS DRIVER UIO INTERFACE"
		fi
	done
}

test_columns_without_a_value_are_left_out() {
	vmbusctl list kvp
	is header "$(row INSTANCE)" "INSTANCE CLASS DRIVER UIO CHANNELS RING MONITORED STATE"
}

test_list_of_some_devices() {
	while read -r lines names; do
		does 0 list $names
		is "lines of $names" "$(echo "$out" | wc -l)" $lines
	done <<-END
		2 eth0
		3 eth0 uio0 eth0
		3 nic
	END
	does 4 list eth7
	complains "vmbusctl: eth7: no VMBus device has this name"
}

test_class_without_a_name_is_its_guid() {
	unknown=99999999-2222-4333-8444-555555555555
	device $third $unknown
	channel $third 44 0 0 0 0 0 0
	vmbusctl list -v
	is row "$(row $third)" "$third $unknown - - - - 1 - no open - -"
	for command in list "watch -c 1" "show $third"; do
		vmbusctl $command
		is "wide lines of $command" "$(echo "$out" | grep -c '.\{81\}')" 0
		says 99999999
	done
}

test_show_of_a_rescinded_device() {
	rm "$bus/devices/$nic1/state"
	echo -1 >"$bus/devices/$nic1/id"
	does 1 show eth1
	is message "$err" "vmbusctl: eth1: the host has rescinded it"
	is output "$out" ""
}

# The host rescinds the file copy device while vmbusctl reads it: the opening of
# the pipe waits for vmbusctl.
test_device_that_is_rescinded_meanwhile() {
	size=$bus/devices/$copy/uio/uio0/maps/map0/size
	for command in list "show uio0"; do
		guest
		rm "$size"
		mkfifo "$size"
		"$dir/vmbusctl" $command >"$base/stdout" 2>"$base/stderr" &
		exec 8>"$size"
		rm -r "$bus/devices/$copy"
		echo 40960 >&8
		exec 8>&-
		status=0
		wait $! || status=$?
		out=$(cat "$base/stdout")
		err=$(cat "$base/stderr")
		lacks eb765408
		case $command in
		list) is "status and errors" "$status $err" "0 " ;;
		*) is "status and errors" "$status $err" "1 vmbusctl: uio0: the host has rescinded it" ;;
		esac
	done
}

test_states() {
	for state in 0:offered 1:opening 2:closed 3:open "7:state 7"; do
		echo ${state%%:*} >$bus/devices/$kvp0/state
		vmbusctl list kvp
		says "${state#*:}"
	done
}

test_rule_that_has_no_effect_says_so() {
	conf $admin/50-nic.conf "[$nic0]" "[$copy]" enable=no
	conf $admin/60-$nic1.conf "[$nic1]"
	vmbusctl list
	says "  50-nic.conf (refused)"
	says "  50-nic.conf (disabled)"
	says "  60-INSTANCE.conf"
	lacks "60-INSTANCE.conf ("
}

test_links() {
	rm $root/dev/vmbus/by-class/fcopy
	vmbusctl list -v uio0
	is row "$(row $copy)" "$copy fcopy uio_hv_generic uio0 1 20 KiB no open 10-fcopy.conf by-id"
	ln -s ../uio0 $root/dev/vmbus/my-link
	vmbusctl list -v uio0
	says " my-link"
	ln -sf ../uio7 $root/dev/vmbus/my-link
	vmbusctl list -v uio0
	lacks my-link
}

# vmbus-bind notes the name and the MAC of an interface when user space takes
# its device.
test_interface_that_is_gone_is_known() {
	rm -r $bus/devices/$nic1/net
	put run/hyperv-uio/interface/$nic1 "eth1 $mac1"
	vmbusctl list -v $nic1
	is row "$(row $nic1)" "$nic1 nic hv_netvsc - (eth1) $mac1 1 - yes open"
	vmbusctl show -j $nic1
	says '"known_interface":"eth1"'
	says "\"mac\":\"$mac1\""
}

test_virtual_function_behind_a_bridge() {
	bridge
	vmbusctl list -v $vf
	is row "$(row $vf)" "$vf pcie hv_pci - enP1s1 0 - no offered"
}

test_disk_behind_a_bridge() {
	bridge
	mkdir -p "$bus/devices/$vf/pci0001:00/0001:00:03.0/nvme/nvme0/nvme0n1/nvme0n1p1" \
		"$bus/devices/$vf/pci0001:00/0001:00:03.0/nvme/nvme0/hwmon1"
	vmbusctl show -j $vf
	is disks "$(printf %s "$out" | tr -d ' \n' | sed 's/.*"disks":\([^]]*]\).*/\1/')" '["nvme0n1"]'
}

test_verbose_channels() {
	does 0 list -v
	is header "$(row "CHANNEL ")" "INSTANCE CHANNEL INDEX CPU FROM HOST TO HOST INTERRUPTS SIGNALS MONITOR"
	is primary "$(row "16000 of")" "$nic0 15 0 0 16000 of 16384 0 of 16384 51213 49107 3"
	is subchannel "$(row "       23 ")" "$nic0 23 1 1 0 of 16384 0 of 16384 480 377 -"
	is fcopy "$(row "104 of")" "$copy 14 0 0 0 of 16384 104 of 16384 12 14 -"
}

test_primary_channel_comes_first() {
	# A number below that of the primary channel
	channel $nic0 9 2 1 0 0 0 0
	vmbusctl list -v eth0
	is channels "$(echo "$out" | grep -E "^$nic0 +(9|15|23) " | awk '{ printf "%s ", $2 }')" "15 23 9 "
}

test_verbose_maps() {
	vmbusctl list -v
	is uio "$(row "uio0  open")" "$copy uio0 open 7"
	is map0 "$(row "txrx_rings")" "uio0 0 txrx_rings 40 KiB"
	is map2 "$(row "monitor_page")" "uio0 2 monitor_page 4 KiB"
}

# The kernel computes the fill from an index that the host writes.
test_impossible_fill_is_not_shown() {
	echo 4294967295 >$bus/devices/$nic0/channels/23/read_avail
	echo 20000 >$bus/devices/$nic0/channels/23/write_avail
	vmbusctl list -v eth0
	is subchannel "$(row "       23 ")" "$nic0 23 1 1 - - 480 377 -"
}

# The kernel reports an error if the device is not open.
test_fill_that_cannot_be_read() {
	for how in missing unreadable; do
		for f in in_read_bytes_avail channels/14/read_avail; do
			rm -f $bus/devices/$copy/$f
			[ $how = missing ] || mkdir $bus/devices/$copy/$f
		done
		does 0 list -v $copy
		is "fcopy, $how" "$(row "104 of")" "$copy 14 0 0 - 104 of 16384 12 14"
	done
}

test_json_of_a_device() {
	does 0 list -j uio0
	is object "$(printf '%s' "$out" | tr -d ' \n')" "[{\"instance\":\"$copy\",\"class_id\":\"$fcopy\",\"class\":\"fcopy\",\"driver\":\"uio_hv_generic\",\"uio\":\"uio0\",\"ring_bytes\":20480,\"ring_data_bytes\":16384,\"monitored\":false,\"state\":\"open\",\"module_state\":\"open\",\"interfaces\":[],\"known_interface\":null,\"mac\":null,\"disks\":[],\"links\":[\"/dev/vmbus/by-class/fcopy\",\"/dev/vmbus/by-id/$copy\"],\"rule\":{\"file\":\"$root/$vendor/10-fcopy.conf\",\"line\":1,\"driver\":\"uio_hv_generic\",\"enable\":true,\"force\":false,\"ring_size\":null,\"recv_buffer_size\":null,\"send_buffer_size\":null,\"owner\":null,\"group\":null,\"mode\":null,\"link\":null,\"outcome\":\"bound\",\"reason\":\"italreadyhasthisdriver\"},\"events\":7,\"channels\":[{\"relid\":14,\"index\":0,\"cpu\":0,\"monitor_id\":null,\"from_host_bytes\":0,\"to_host_bytes\":104,\"interrupts\":12,\"signals\":14}],\"maps\":[{\"name\":\"txrx_rings\",\"size\":40960},{\"name\":\"int_page\",\"size\":4096},{\"name\":\"monitor_page\",\"size\":4096}]}]"
}

test_list_without_devices() {
	rm -r "$bus/devices" && mkdir "$bus/devices"
	does 0 list -j
	is output "$(echo "$out" | tr -d ' \n')" "[]"
	does 0 list -v
	is lines "$(echo "$out" | wc -l)" 1
}

test_show() {
	does 0 show uio0
	for line in "instance    $copy" "class       fcopy" "            Guest file copy, $fcopy" \
		"driver      uio_hv_generic" "uio         /dev/uio0, open" \
		"link        /dev/vmbus/by-class/fcopy" "            /dev/vmbus/by-id/$copy" \
		"channel     open" "signals by  hypercall" "ring        20 KiB" \
		"rule        $root/$vendor/10-fcopy.conf:1" "            driver uio_hv_generic" \
		"outcome     bound: it already has this driver"; do
		says "$line"
	done
	is channel "$(row "104 of")" "eb765408 14 0 0 0 of 16384 104 of 16384 12 14"
	is map "$(row "txrx_rings")" "uio0 0 txrx_rings 40 KiB"
}

test_show_parts() {
	vmbusctl show eth0
	says "interface   eth0"
	says "mac         $mac0"
	says "signals by  monitor page"
	says "driver      hv_netvsc"
	vmbusctl show scsi
	says "disk        sda"
	rm $bus/devices/$kvp0/driver
	vmbusctl show kvp
	says "driver      none"
}

test_show_rule_with_its_settings() {
	conf $admin/50-copy.conf '# mine' "[$copy]" ring_size=64K recv_buffer_size=1M send_buffer_size=512K \
		owner=7 group=8 mode=0660 link=mine force=yes
	vmbusctl show uio0
	says "rule        $root/$admin/50-copy.conf:2"
	sizes="ring size 64 KiB, receive buffer 1024 KiB, send buffer 512 KiB"
	says "            driver uio_hv_generic, $sizes, owner 7, group 8, mode 0660, link /dev/vmbus/mine, force"
	vmbusctl list -j uio0
	for value in ring_size\":65536 recv_buffer_size\":1048576 send_buffer_size\":524288 \
		owner\":\"7\" group\":\"8\" mode\":\"0660\" link\":\"mine\"; do
		says "\"$value"
	done
}

test_show_prints_the_faults_of_the_file() {
	conf $admin/50-faulty.conf "[$copy]" nonsense
	conf $admin/60-other.conf '[get]' nonsense
	does 0 show uio0
	says "outcome     faulty: a faulty file names it, or may name it"
	is lines "$(printf '%s\n' "$err" | wc -l)" 1
	complains "vmbusctl: $root/$admin/50-faulty.conf:2: neither [section]"
}

test_show_json_is_the_object_of_list() {
	vmbusctl list -j eth0
	out=$(printf '%s' "$out" | tr -d ' \n')
	list=$out
	says '"interfaces":["eth0"]'
	says '"rule":null'
	says '"uio":null'
	says '"monitored":true'
	vmbusctl show -j eth0
	is show "[$(printf '%s' "$out" | tr -d ' \n')]" "$list"
}

test_device_without_a_class() {
	echo nonsense >$bus/devices/$nic1/class_id
	does 1 list
	complains "$bus/devices/$nic1: no GUID in device_id or class_id"
	says "eb765408  fcopy"
}

test_attribute_that_cannot_be_read() {
	echo nonsense >$bus/devices/$nic1/state
	does 1 list
	complains "$nic1: its attribute state cannot be read: "
	says ${copy%%-*}
	rm $bus/devices/$nic1/state
	for command in list "list $nic1" "show $nic1" "show -j $nic1"; do
		does 1 $command
		complains "$nic1: its attribute state cannot be read: No such file"
	done
}

test_device_that_leaves_meanwhile() {
	rm $bus/devices/$nic1/device_id
	does 0 list
	lacks $nic1
}

test_no_vmbus() {
	rm -r "$root/sys"
	for command in list "show nic" "watch -c 1" "bind nic" "unbind nic" "ring-size nic" \
		"set-override nic uio_hv_generic" "unset-override nic" list-overrides; do
		does 3 $command
		complains "this machine has no VMBus"
		is "output of $command" "$out" ""
	done
	does 3 list -j
	is "output of list -j" "$(echo "$out" | tr -d ' \n')" "[]"
}

test_output_that_cannot_be_written() {
	for command in list "list -v" "list -j" "show uio0" "watch -c 1" doctor --help "list --help" --version; do
		status=0
		err=$("$dir/vmbusctl" $command 2>&1 >/dev/full) || status=$?
		[ $status != 0 ] || fail "$command: status is 0"
		complains "No space left"
	done
}

# colours COMMAND: count the escape sequences that it prints to a terminal
colours() {
	TERM=xterm script -qec "$dir/vmbusctl $1" /dev/null </dev/null | grep -c "$(printf '\033\\[')" || :
}

test_colour_on_a_terminal_only() {
	command -v script >/dev/null || skip "script (bsdutils) is not installed"
	vmbusctl list
	lacks "$(printf '\033')"
	[ "$(colours list)" -gt 1 ] || fail "no colour on a terminal"
	conf $admin/50-nic.conf "[$nic1]"
	[ "$(colours doctor)" -gt 0 ] || fail "no colour of doctor on a terminal"
	[ "$(colours "show uio0")" -gt 0 ] || fail "no colour of show on a terminal"
	is "colours with NO_COLOR" "$(NO_COLOR=1 colours list)" 0
	[ "$(NO_COLOR='' colours list)" -gt 1 ] || fail "an empty NO_COLOR switches colours off"
	is "colours of JSON" "$(colours "list -j")" 0
	is "colours of a dumb terminal" "$(TERM=dumb script -qec "$dir/vmbusctl list" /dev/null </dev/null |
		grep -c "$(printf '\033')" || :)" 0
}

run_tests guest
