# SPDX-License-Identifier: GPL-2.0-only
. /bench/hold.sh

tracing=/sys/kernel/tracing
periods=$tracing/events/kprobes/periods
# count_periods: let the kernel log each call of synchronize_rcu() by a worker,
# if it has tracing. The debug kernels and that with pages of 64 KiB have none.
count_periods() {
	mount -t tracefs tracefs $tracing 2>/dev/null
	[ -e $tracing/kprobe_events ] || return 0
	echo 'p:periods synchronize_rcu' >$tracing/kprobe_events
	echo 'comm ~ "kworker*"' >$periods/filter
	echo 1 >$periods/enable
}

# open_many COUNT: open the device, let the host offer COUNT sub-channels, and
# close it
open_many() {
	keep_open
	host "wait-open;offer-sub $1$(seq "$1" | sed 's/.*/;channel &;wait-open/' | tr -d '\n')"
	within 60 rings $(($1 + 1))
	opened=$?
	# The last file appears before the work item has ended.
	sleep 1
	[ ! -e $periods ] || waited=$(grep -c 'periods:' $tracing/trace)
	close_it
	wait "$pid"
	return $opened
}

bind_class "$class"
check "8 sub-channels are open" open_many 8
check "they go with the close" within 30 so_many_channels 1
count_periods
check "64 sub-channels are open" open_many 64
[ ! -e $periods ] || check "no normal grace period of RCU for each ($waited)" test "$waited" -le 8
check "they go with the close, all of them" within 60 so_many_channels 1
check "the device works after that" works
host_is_done
check "rmmod" rmmod uio_hv_generic
