# SPDX-License-Identifier: GPL-2.0-only
. /bench/hold.sh
open=$programs/open_close

# closed SECONDS: whether the process that closes the device has ended
closed() { within "$1" over "$pid"; }

# arrives SUB-CHANNELS, CLOSE, WHAT: let the host offer a sub-channel while a
# process closes the device (CLOSE is "close") or unbinds it, with this number
# of sub-channels. WHAT says whether the host rescinds the new sub-channel with
# the others or at once.
arrives() {
	gone=''
	if [ "$1" = 2 ]; then
		open_with_subs off
		gone="$(both_gone);"
	else
		keep_open
		host wait-open
	fi
	hold process start vmbus_disconnect_ring || return
	if [ "$2" = close ]; then
		close_it
		holder_pid=$pid
	else
		sh -c "echo ${device##*/} >$driver/unbind" &
		holder_pid=$!
	fi
	wait_held
	offer_late
	within 5 so_many_channels $(($1 + 2))
	[ "$3" = late ] || host "rescind-sub $first;sleep 300"
	let_go
	within 30 over "$holder_pid" || echo "the $2 does not end"
	close_it
	wait "$pid"
	host "${gone}channel $first;wait-released"
	within 10 so_many_channels 1 || echo "left: $(ls "$device/channels")"
	[ "$2" = close ] || echo "${device##*/}" >"$driver/bind"
	was_held && works
}

# Run a session with two sub-channels, which the host keeps when it ends.
kept_session() {
	open_with_subs on
	primary='' subs=''
	for relid in "$device"/channels/*; do
		if [ "$(cat "$relid/subchannel_id")" = 0 ]; then primary=${relid##*/}; else subs="$subs ${relid##*/}"; fi
	done
	echo "the primary is $primary, sub-channels are $subs"
	close_it
	wait "$pid"
	host wait-close
	so_many_channels 3
}
# now: print the time in centiseconds
now() { sed 's/\([0-9]*\)\.\([0-9]*\) .*/\1\2/' /proc/uptime; }
# refused ERROR: check that the open fails with this error
refused() {
	began=$(now)
	$open "$class" 1 >/tmp/said 2>&1 && return 1
	took=$(($(now) - began))
	cat /tmp/said
	grep -q "$1" /tmp/said
}
names_a_sub() {
	dmesg >/tmp/log
	for relid in $subs; do tail -n 3 /tmp/log | grep -w "$relid" && return; done
	tail -n 3 /tmp/log
	return 1
}

# walk_is_held: let VMBus wait until the closing process ends its walk, and then
# hold the worker that removes a rescinded sub-channel
walk_is_held() {
	open_with_subs off
	hold process end vmbus_disconnect_ring || return
	close_it
	wait_held
	# Give VMBus time to reach the place where it waits.
	sleep 1
	by hold2 hold worker start hv_process_channel_removal || return
	let_go
	by hold2 wait_held
}
# walk_ends WHAT: check that the close waits for the held worker ("waits"), or
# that it ends although the worker is still held ("for ever")
walk_ends() {
	walk_is_held || return
	if [ "$1" = waits ]; then
		sleep 2
		over "$pid" && echo "the close has not waited" && status=1 || status=0
	else
		# shellcheck disable=SC2015
		closed 20 && status=0 || { echo "the close waits for ever" && status=1; }
	fi
	by hold2 let_go
	wait "$pid"
	by hold2 was_held || status=1
	was_held || status=1
	host "$(both_gone)"
	[ $status = 0 ] && works
}

# Offer a sub-channel during a close, which then walks a second time. In between
# the host rescinds the sub-channels of the first walk, and VMBus is just
# removing one of them when the second walk begins.
second_walk() {
	open_with_subs on
	gone=$(both_gone)
	hold process start vmbus_disconnect_ring || return
	close_it
	wait_held
	offer_late
	within 5 so_many_channels 4
	by hold3 hold process end hvuio_subs_end_walk || return
	let_go
	by hold3 wait_held
	by hold2 hold worker start hv_process_channel_removal || return
	host "keep-subs off;sleep 500"
	by hold2 wait_held
	by hold3 let_go
	sleep 1
	by hold2 let_go
	closed 30 || { echo "the close does not end" && return 1; }
	wait "$pid"
	host "$gone;channel $first;wait-released"
	rmmod hold hold2 hold3
	works
}

bind_class "$class"
for subs in 2 0; do
	for what in close unbind; do
		for event in late "at once"; do
			check "a sub-channel that comes during the $what, with $subs others, and is taken back $event" arrives $subs $what "$event"
		done
	done
done

check "the host keeps the sub-channels of a session" kept_session
for _ in 1 2; do
	check "an open is refused: the device is busy" refused "Device or resource busy"
	check "after about one second: $took/100 s" test "$took" -ge 80 -a "$took" -le 1500
	check "the kernel log names a sub-channel" names_a_sub
done
host "keep-subs off;$(both_gone)"
check "the next open works when they have gone" works
check "the host keeps those of another one" kept_session
check "an open is refused, again" refused "Device or resource busy"
check "the device is unbound, and bound again" sh -c "echo ${device##*/} >$driver/unbind; echo ${device##*/} >$driver/bind"
check "an open is refused still" refused "Device or resource busy"
host "keep-subs off;$(both_gone)"
check "the next open works when those have gone" works

check "a close waits for a rescind that waited for its walk" walk_ends waits
check "but not for ever" walk_ends "for ever"
check "sub-channels go before the second walk of a close" second_walk
status=$?
host_is_done
# rmmod would wait forever for a process or worker that has not ended.
[ $status != 0 ] || check "rmmod" rmmod uio_hv_generic
