# SPDX-License-Identifier: GPL-2.0-only
modprobe ext4
insmod /upstream/brd.ko rd_nr=1 rd_size=262144
bind_fcopy
mkdir -p /tmp/to/tmpfs /tmp/to/ext4
zcat /upstream/ext4.img.gz >/dev/ram0
check "an ext4 on a RAM disk, beside a tmpfs" mount -t ext4 /dev/ram0 /tmp/to/ext4
# Upstream's daemon does not write its data back. The kernel must not do so
# while another daemon makes a copy.
echo 0 >/proc/sys/vm/dirty_writeback_centisecs
say version "$(cat /upstream/version), kernel $(uname -r)"

daemons="upstream ours $(ls /upstream/variants 2>/dev/null | tr '\n' ' ')"
instance=eb765408-105f-49b6-b4aa-c123b64d

# start DAEMON: start the daemon with rings of 16 KiB; $pid_DAEMON is its
# process
start() {
	local number=0 suffix who
	for who in $daemons; do
		[ "$who" != "$1" ] || break
		number=$((number + 1))
	done
	suffix=$(printf '%04d' $((number - 1)))
	[ $number != 0 ] || suffix=17d4
	echo 20480 >"/sys/bus/vmbus/devices/$instance$suffix/uio_hv_generic/ring_size" || note "$1: no rings of 20480 bytes"
	case $1 in
	upstream) set -- "$1" /upstream/hv_fcopy_uio_daemon ;;
	ours) set -- "$1" /usr/sbin/hv-fcopyd ;;
	*) set -- "$1" "/upstream/variants/$1" ;;
	esac
	if [ "$1" = upstream ]; then
		"$2" -n </dev/null >/dev/null 2>&1 &
	else
		"$2" --device="$instance$suffix" --state-dir="/tmp/state-$1" </dev/null >"/tmp/log-$1" 2>&1 &
	fi
	eval "pid_$1=$!"
}
pid_of() { eval "echo \$pid_$1"; }
end() {
	kill -KILL "$(pid_of "$1")"
	wait "$(pid_of "$1")"
}

# costs: print "DAEMON NANOSECONDS WAITS" for each daemon
costs() {
	local who pid
	for who in $daemons; do
		pid=$(pid_of "$who")
		echo "$who $(cut -d' ' -f1 "/proc/$pid/schedstat") $(sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' "/proc/$pid/status")"
	done | tr '\n' ' '
}

for who in $daemons; do start "$who"; done

# The kernel counts system calls with a histogram, which costs time, so use it
# only while nothing is timed.
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
histogram=/sys/kernel/tracing/events/raw_syscalls/sys_enter
calls() { sed -n 's/^{ id: sys_\([^ ]*\) .* hitcount: *\([0-9]*\).*/\1=\2/p' $histogram/hist | tr '\n' ' '; }
for who in $daemons; do
	hear "count $who"
	trigger="hist:keys=id.syscall:size=1024 if comm == \"$(cat "/proc/$(pid_of "$who")/comm")\""
	echo "$trigger" >$histogram/trigger
	say "counting $who"
	hear "short $who"
	say "short $who $(calls)"
	hear "long $who"
	say "long $who $(calls)"
	echo "!$trigger" >$histogram/trigger
	say "sum $who $(sha256sum <"/tmp/to/tmpfs/$who-long")"
	rm -f /tmp/to/tmpfs/*
done

for place in tmpfs ext4; do
	hear "begin $place"
	say "before $place $(costs)"
	hear "end $place"
	say "after $place $(costs)"
	rm -f /tmp/to/$place/*-*
	sync
done

for who in $daemons; do end "$who"; done
