# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck source=script.sh
. /test/script.sh
work=hvuio_subs_open_work

# counter FILE N: print the counter of the Nth function in a parameter of the
# module
counter() { cut -d, -f"$2" "/sys/module/stopwatch/parameters/$1"; }

# open_many COUNT: open the device, let the host offer COUNT sub-channels, and
# close it
open_many() {
	insmod /stopwatch.ko at=$work,vmbus_connect_ring,hvuio_sub_begin_open,synchronize_rcu || return
	keep_open
	say "open $1"
	hear "open $1"
	within 60 rings $(($1 + 1))
	opened=$?
	# The last file appears before the work item has ended.
	sleep 1
	total=$(($(counter us 1) / 1000)) connect=$(($(counter us 2) / 1000)) hold=$(($(counter us 3) / 1000))
	holds=$(counter calls 3) periods=$(counter calls 4)
	own=$((total - connect))
	rmmod stopwatch
	began=$(date +%s)
	close_it
	wait "$pid"
	note "$1 sub-channels: $total ms in the work, $connect of them in vmbus_connect_ring(); $own ms of the module's, $hold of them in" \
		"$holds calls of hvuio_sub_begin_open(); $periods calls of synchronize_rcu(); closed after $(($(date +%s) - began)) s"
	return $opened
}

bind_class "$class"
check "8 sub-channels are open" open_many 8
check "they go with the close" within 30 so_many_channels 1
check "64 sub-channels are open" open_many 64
check "no normal grace period of RCU for each ($periods)" test "$periods" -le 8
check "they go with the close, all of them" within 60 so_many_channels 1
check "the device works after that" works
say end
check "rmmod" rmmod uio_hv_generic
