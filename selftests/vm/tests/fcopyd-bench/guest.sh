# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154
upstream=/upstream/hv_fcopy_uio_daemon
ours=/usr/sbin/hv-fcopyd
modprobe hv_utils
check "vmbus-bind binds the device" /usr/lib/udev/vmbus-bind --all
device=$(vmbus_device "$fcopy_class")
mkdir -p /tmp/in
say version "$(cat /upstream/version), kernel $(uname -r)"

# Nanoseconds of processor time, and how often it has waited
cost() { echo "$(cut -d' ' -f1 "/proc/$pid/schedstat") $(sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' "/proc/$pid/status")"; }

for round in 1 2 3; do
	for mode in 1-20480 2-20480 8-69632; do
		for who in upstream ours; do
			run=$round-$mode-$who
			hear "begin $run"
			echo "${mode#*-}" >"$device/uio_hv_generic/ring_size" || note "no rings of ${mode#*-} bytes"
			eval "program=\$$who"
			$program -n </dev/null >/dev/null 2>&1 &
			pid=$!
			hear "open $run"
			say "before $run $(cost)"
			hear "copied $run"
			say "after $run $(cost)"
			kill -KILL $pid
			wait $pid
			rm -f /tmp/in/*
		done
	done
done
