#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check vmbusctl watch: its rates, and devices that appear and disappear.
# shellcheck disable=SC2086,SC2154,SC2317 # GUIDs and numbers need no quotes; tests are called by name
# shellcheck source=guest.sh
command . "$(dirname "$0")/guest.sh" || exit 1

# look N: print the line of the N-th look of JSON
look() {
	printf '%s\n' "$out" | sed -n "$1p"
}

# value LINE KEY: print a value of the first channel
value() {
	printf '%s\n' "$1" | grep -o "\"$2\":[^,}]*" | head -n 1 | cut -d : -f 2
}

# is_running PID: whether the process runs, or waits, and is not stopped
is_running() { grep -q '^State:[[:blank:]]*[RSD]' "/proc/$1/status" 2>/dev/null; }

# watch_while COMMAND ARGUMENT...: run vmbusctl watch with these arguments, and
# the command between the first look and the second one
watch_while() {
	change=$1
	shift
	while
		status=0
		: >"$base/looks"
		"$dir/vmbusctl" watch "$@" >"$base/looks" 2>"$base/stderr" &
		until [ -s "$base/looks" ] || ! is_running $!; do sleep 0.05; done
		# It looks no more until the command has ended.
		kill -STOP $! 2>/dev/null
		while is_running $!; do sleep 0.05; done
		[ "$(wc -l <"$base/looks")" -gt 1 ]
	do
		# This shell was so late that the second look is over.
		kill -CONT $! 2>/dev/null || :
		wait $! || :
	done
	eval "$change"
	kill -CONT $! 2>/dev/null || :
	wait $! || status=$?
	out=$(cat "$base/looks")
	err=$(cat "$base/stderr")
}

test_first_look_has_no_rate() {
	does 0 watch -c 1 fcopy
	is lines "$(echo "$out" | wc -l)" 2
	is header "$(echo "$out" | head -n 1 | tr -s ' ')" "INSTANCE CLASS CHANNEL INTERRUPTS/S SIGNALS/S FROM HOST TO HOST"
	is row "$(echo "$out" | sed -n 2p | tr -s ' ')" "eb765408 fcopy 14 - - 0% 0%"
	does 4 watch -c 1 eth9
}

test_rates() {
	watch_while "echo 112 >$bus/devices/$copy/channels/14/interrupts; echo 34 >$bus/devices/$copy/channels/14/events" -n 1.2 -c 2 -j fcopy
	is status $status 0
	is looks "$(printf '%s\n' "$out" | wc -l)" 2
	is "first rate" "$(value "$(look 1)" interrupts_per_second)" null
	is interrupts "$(value "$(look 2)" interrupts)" 112
	# 100 interrupts and 20 signals in a little more than 1.2 s
	awk -v seconds="$(value "$(look 2)" seconds)" -v i="$(value "$(look 2)" interrupts_per_second)" \
		-v s="$(value "$(look 2)" signals_per_second)" 'BEGIN {
		exit !(seconds >= 1.2 && i * seconds > 90 && i * seconds < 110 && s * seconds > 15 && s * seconds < 25)
	}' || fail "rates are wrong: $(look 2)"
}

# A counter restarts when the host offers the device again.
test_counter_that_went_back() {
	watch_while "echo 3 >$bus/devices/$copy/channels/14/interrupts" -n 1.2 -c 2 -j fcopy
	is rate "$(value "$(look 2)" interrupts_per_second)" null
	is "the other rate" "$(value "$(look 2)" signals_per_second)" 0.0
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
	is interrupts "$(value "$(look 2)" interrupts)" null
	is rate "$(value "$(look 2)" interrupts_per_second)" null
}

test_device_that_leaves() {
	watch_while "rm -r $bus/devices/$copy" -n 1.2 -c 2 -j fcopy
	is status $status 0
	is "errors" "$err" ""
	says "\"relid\":14"
	is channels "$(look 2 | grep -o '"channels":.*')" '"channels":[]}'
}

test_device_that_comes() {
	cp -r $bus/devices/$kvp0 "$base/new"
	echo '{00000000-0000-0000-0000-000000000001}' >"$base/new/device_id"
	watch_while "mv '$base/new' $bus/devices/new" -n 1.2 -c 2 -j
	is status $status 0
	is "first look" "$(look 1 | grep -c 00000000-0000-0000-0000-000000000001)" 0
	is "second look" "$(look 2 | grep -c 00000000-0000-0000-0000-000000000001)" 1
}

test_sub_channel_that_comes() {
	watch_while "channel $copy 30 1 0 0 0 5 5" -n 1.2 -c 2 -j fcopy
	is "channels of the second look" "$(look 2 | grep -o relid | wc -l)" 2
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

test_ends_at_a_signal() {
	"$dir/vmbusctl" watch -n 0.2 >"$base/watch" 2>&1 &
	pid=$!
	until [ -s "$base/watch" ]; do sleep 0.1; done
	kill -TERM $pid
	wait $pid && ended=0 || ended=$?
	is status $ended 0
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
