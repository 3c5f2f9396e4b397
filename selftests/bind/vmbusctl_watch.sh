#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check vmbusctl watch: its rates, and devices that appear and disappear.
# shellcheck disable=SC2086,SC2154,SC2317 # GUIDs and numbers need no quotes; tests are called by name
# shellcheck source=guest.sh
command . "$(dirname "$0")/guest.sh" || exit 1

# value KEY: print a value of the first channel in $look
value() {
	printf '%s\n' "$look" | grep -o "\"$1\":[^,}]*" | head -n 1 | cut -d : -f 2
}

# watch_until PATTERN COMMAND ARGUMENT...: run vmbusctl watch with these
# arguments, and the command after the first look. Set $first to the first look
# and $look to the first one that has the pattern, and end vmbusctl.
watch_until() {
	pattern=$1 change=$2
	shift 2
	: >"$base/looks"
	"$dir/vmbusctl" watch -n 0.1 -j "$@" >"$base/looks" 2>"$base/stderr" &
	until [ -s "$base/looks" ]; do sleep 0.05; done
	eval "$change"
	until grep -q "$pattern" "$base/looks" || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
	kill $! 2>/dev/null || :
	status=0
	wait $! || status=$?
	is status $status 0
	is errors "$(cat "$base/stderr")" ""
	first=$(head -n 1 "$base/looks")
	look=$(grep "$pattern" "$base/looks" | head -n 1)
}

test_first_look_has_no_rate() {
	does 0 watch -c 1 fcopy
	is lines "$(echo "$out" | wc -l)" 2
	is header "$(echo "$out" | head -n 1 | tr -s ' ')" "INSTANCE CLASS CHANNEL INTERRUPTS/S SIGNALS/S FROM HOST TO HOST"
	is row "$(echo "$out" | sed -n 2p | tr -s ' ')" "eb765408 fcopy 14 - - 0% 0%"
	does 4 watch -c 1 eth9
}

test_rates() {
	for kind in interrupts:interrupts signals:events; do
		key=${kind%:*} file=$bus/devices/$copy/channels/14/${kind#*:}
		now=$(cat $file)
		watch_until "\"$key\":$((now + 100))," "echo $((now + 100)) >$file" fcopy
		# The seconds have one digit after the point.
		awk -v seconds="$(value seconds)" -v rate="$(value ${key}_per_second)" 'BEGIN {
			exit !(rate * (seconds - 0.06) < 100 && rate * (seconds + 0.06) > 100)
		}' || fail "the rate is wrong: $look"
		look=$first
		is "first rate" "$(value ${key}_per_second)" null
	done
}

# A counter restarts when the host offers the device again.
test_counter_that_went_back() {
	watch_until '"interrupts":3,' "echo 3 >$bus/devices/$copy/channels/14/interrupts" fcopy
	is rate "$(value interrupts_per_second)" null
	is "the other rate" "$(value signals_per_second)" 0.0
}

test_fill() {
	vmbusctl watch -c 1 eth0
	is fill "$(echo "$out" | sed -n 2p | awk '{ print $7 }')" 97%
	echo 4294967295 >$bus/devices/$nic0/channels/15/read_avail
	vmbusctl watch -c 1 eth0
	is "impossible fill" "$(echo "$out" | sed -n 2p | awk '{ print $7 }')" -
}

test_kernel_without_counters() {
	rm $bus/devices/$copy/channels/14/interrupts $bus/devices/$copy/channels/14/events
	vmbusctl watch -n 0.1 -c 2 -j fcopy
	look=$(printf '%s\n' "$out" | tail -n 1)
	is interrupts "$(value interrupts)" null
	is rate "$(value interrupts_per_second)" null
}

test_device_that_leaves() {
	watch_until '"channels":\[\]' "rm -r $bus/devices/$copy" fcopy
	is "channels of the first look" "$(echo "$first" | grep -o relid | wc -l)" 1
}

test_device_that_comes() {
	new=00000000-0000-0000-0000-000000000001
	cp -r $bus/devices/$kvp0 "$base/new"
	echo "{$new}" >"$base/new/device_id"
	watch_until $new "mv '$base/new' $bus/devices/new"
	is "first look" "$(echo "$first" | grep -c $new)" 0
}

test_sub_channel_that_comes() {
	watch_until '"relid":30,' "channel $copy 30 1 0 0 0 5 5" fcopy
	is "channels of the look" "$(echo "$look" | grep -o relid | wc -l)" 2
}

test_all_devices() {
	vmbusctl watch -c 1
	is lines "$(echo "$out" | wc -l)" 8
}

test_tables_are_apart() {
	vmbusctl watch -n 0.1 -c 3 fcopy
	is "empty lines" "$(echo "$out" | grep -c '^$')" 2
	is row "$(echo "$out" | tail -n 1 | tr -s ' ')" "eb765408 fcopy 14 0.0 0.0 0% 0%"
	lacks "$(printf '\033')"
}

test_wrong_arguments() {
	for wrong in "-n 0" "-n 0.01" "-n 4000" "-n x" "-n 1x" "-c 0" "-c 1.5" "-c x" "-c -1" "-n" "-c"; do
		does 2 watch $wrong
	done
}

test_redraws_on_a_terminal() {
	command -v script >/dev/null || skip "script (bsdutils) is not installed"
	n=$(TERM=xterm script -qec "$dir/vmbusctl watch -n 0.1 -c 2 fcopy" /dev/null </dev/null | grep -c "$(printf '\033\\[H')")
	is redraws $n 2
}

# A narrow terminal has no room for the driver, but the rates are what watch is
# for.
test_rates_stay_on_a_narrow_terminal() {
	command -v script >/dev/null || skip "script (bsdutils) is not installed"
	for width in 150 40; do
		out=$(NO_COLOR=1 script -qec "stty cols $width; $dir/vmbusctl watch -c 1 fcopy" /dev/null </dev/null | tr -d '\r')
		[ $width = 150 ] && driver=" DRIVER" || driver=
		is "header of $width columns" "$(echo "$out" | sed -n 's/.*INSTANCE/INSTANCE/p' | tr -s ' ')" \
			"INSTANCE CLASS$driver CHANNEL INTERRUPTS/S SIGNALS/S FROM HOST TO HOST"
	done
}

run_tests guest
