# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2154
. /test/runs.sh
modprobe -a hv_utils ext4
insmod /upstream/brd.ko rd_nr=1 rd_size=65536
check "vmbus-bind binds the device" /usr/lib/udev/vmbus-bind --all
device=$(vmbus_device "$fcopy_class")
mkdir -p /tmp/to/tmpfs /tmp/to/ext4
zcat /upstream/ext4.img.gz >/dev/ram0
check "an ext4 on a RAM disk, beside a tmpfs" mount -t ext4 /dev/ram0 /tmp/to/ext4
say version "$(cat /upstream/version), kernel $(uname -r)"
daemons="upstream ours $(ls /upstream/variants 2>/dev/null | tr '\n' ' ')"
say daemons "$daemons"
program_of() {
	case $1 in
	upstream) echo /upstream/hv_fcopy_uio_daemon ;;
	ours) echo /usr/sbin/hv-fcopyd ;;
	*) echo "/upstream/variants/$1" ;;
	esac
}

# The kernel counts system calls with a histogram, which costs each call time: only while the calls are counted.
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
histogram=/sys/kernel/tracing/events/raw_syscalls/sys_enter
calls() { sed -n 's/^{ id: sys_\([^ ]*\) .* hitcount: *\([0-9]*\).*/\1=\2/p' $histogram/hist | tr '\n' ' '; }

# cost: nanoseconds of processor time, how often the daemon has waited, and its system calls when they are counted
cost() {
	echo "$(cut -d' ' -f1 "/proc/$pid/schedstat") $(sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' "/proc/$pid/status")" \
		"$([ -z "$counted" ] || calls)"
}

# shellcheck disable=SC2086 # words
runs $daemons >/tmp/runs
while read -r kind round place queue who <&7; do
	run=$kind-$round-$place-$queue-$who
	hear "begin $run"
	size=20480
	[ "$queue" = 1 ] || [ "$queue" = 2 ] || size=69632
	echo $size >"$device/uio_hv_generic/ring_size" || note "no rings of $size bytes"
	program=$(program_of "$who")
	counted=''
	$program -n </dev/null >/dev/null 2>&1 7<&- &
	pid=$!
	hear "open $run"
	if [ "$kind" = calls ]; then
		counted="hist:keys=id.syscall:size=1024 if comm == \"$(cat /proc/$pid/comm)\""
		echo "$counted" >$histogram/trigger
	fi
	say "before $run $(cost)"
	hear "copied $run"
	say "after $run $(cost)"
	[ -z "$counted" ] || echo "!$counted" >$histogram/trigger
	[ "$kind$round" != calls1000 ] || say "sum-$who $(sha256sum </tmp/to/tmpfs/file)"
	kill -KILL $pid
	wait $pid
	rm -f /tmp/to/*/file /tmp/to/*/first
	# What upstream's daemon leaves unwritten is not written during the next run.
	sync
done 7</tmp/runs
