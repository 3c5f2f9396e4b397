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

daemons="upstream ours"
instance=eb765408-105f-49b6-b4aa-c123b64d

# start DAEMON: start the daemon with rings of 16 KiB, in a cgroup of its own;
# $pid_DAEMON is its process
groups=/tmp/groups
mkdir $groups
mount -t cgroup2 cgroup2 $groups
start() {
	local suffix=0000
	[ "$1" != upstream ] || suffix=17d4
	echo 20480 >"/sys/bus/vmbus/devices/$instance$suffix/uio_hv_generic/ring_size" || note "$1: no rings of 20480 bytes"
	mkdir "$groups/$1"
	if [ "$1" = upstream ]; then
		enter "$1" /upstream/hv_fcopy_uio_daemon -n </dev/null >/dev/null 2>&1 &
	else
		enter "$1" /usr/sbin/hv-fcopyd --device="$instance$suffix" --state-dir="/tmp/state-$1" </dev/null >"/tmp/log-$1" 2>&1 &
	fi
	eval "pid_$1=$!"
}
# enter GROUP PROGRAM...: become this program in a cgroup
enter() {
	group=$1
	shift
	# shellcheck disable=SC2016 # expanded by the inner shell
	exec sh -c 'echo 0 >"$0/cgroup.procs" && exec "$@"' "$groups/$group" "$@"
}
pid_of() { eval "echo \$pid_$1"; }
end() {
	kill -KILL "$(pid_of "$1")"
	wait "$(pid_of "$1")"
}

# costs: print "DAEMON MICROSECONDS" for each daemon, the processor time of all
# of its processes, also of those that have ended
costs() { for who in $daemons; do echo "$who $(sed -n 's/^usage_usec //p' "$groups/$who/cpu.stat")"; done | tr '\n' ' '; }

for who in $daemons; do start "$who"; done

# The kernel counts system calls and waits with histograms, which cost time, so
# use them only while nothing is timed. A worker of hv-fcopyd has a name of its
# own, and only one daemon receives a file at that time.
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
calls=/sys/kernel/tracing/events/raw_syscalls/sys_enter
waits=/sys/kernel/tracing/events/sched/sched_switch
hits() { sed -n 's/^ *Hits: //p' "$1/hist"; }
counts() {
	echo "waits=$(hits $waits) all=$(hits $calls)" \
		"$(sed -n 's/^{ id: *\(sys_\)*\([^ ]*\) .* hitcount: *\([0-9]*\).*/\2=\3/p' $calls/hist | tr '\n' ' ')"
}
for who in $daemons; do
	hear "count $who"
	own="(comm == \"$(cat "/proc/$(pid_of "$who")/comm")\" || comm ~ \"hv-fcopyd-*\")"
	call="hist:keys=id.syscall:size=1024 if $own"
	# Bit 8 is set in the state of a process that could go on.
	wait="hist:keys=prev_comm if prev_state & 255 && $own"
	echo "$call" >$calls/trigger
	echo "$wait" >$waits/trigger
	say "counting $who"
	hear "short $who"
	say "short $who $(counts)"
	hear "long $who"
	say "long $who $(counts)"
	echo "!$call" >$calls/trigger
	echo "!$wait" >$waits/trigger
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
