# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2086 # A place is two words.
. /bench/hold.sh
open=$programs/open_close

# once start|end FUNCTION COMMAND...: let the host rescind the device while the
# command is at this place, and offer it again
once() {
	hold process "$1" "$2" || return
	shift 2
	"$@" &
	pid=$!
	wait_held
	# Give VMBus time to do everything that it can.
	host "rescind;sleep 500"
	let_go
	host "wait-released;offer;wait-offered"
	wait $pid
	echo "the process ended with $?"
	was_held && works
}
# at WHAT start|end FUNCTION COMMAND...: do the same, and print the result
at() {
	what=$1
	shift
	check "$what: at the $1 of $2" once "$@"
}

# opening start|end FUNCTION WHAT: while a worker that handles a new sub-channel
# is at this place, let the host rescind the device or one sub-channel, or let
# the process close the device
opening() {
	fresh
	# While the callback is held, the next sub-channel has no directory, and
	# VMBus crashes at a rescind then (doc/kernel.md, "Limits").
	[ "$2" != hvuio_sub_offered ] || last=$first
	hold worker "$1" "$2" || return
	keep_open
	host "wait-open;$(offered)"
	wait_held
	within 5 so_many_channels $((last - first + 2))
	case $3 in
	device) host "rescind;sleep 500" ;;
	sub-channel) host "rescind-sub $first;sleep 500" ;;
	close) close_it && sleep 1 ;;
	esac
	let_go
	if [ "$3" = device ]; then
		host "wait-released;offer;wait-offered"
		close_it
	else
		close_it
		host "$(both_gone)"
	fi
	wait "$pid"
	was_held && works
}

# closing start|end FUNCTION WHAT: while a process that closes the device is at
# this place, let the host rescind the device, one sub-channel, or nothing until
# the close
closing() {
	open_with_subs off
	hold process "$1" "$2" || return
	close_it
	wait_held
	case $3 in
	device) host "rescind;sleep 500" ;;
	sub-channel) host "rescind-sub $first;sleep 500" ;;
	nothing) host "sleep 500" ;;
	esac
	let_go
	wait "$pid"
	if [ "$3" = device ]; then
		host "wait-released;offer;wait-offered"
	else
		host "$(both_gone)"
	fi
	was_held && works
}

# The host rescinds a sub-channel that is not open yet, and offers it again as
# soon as the guest releases the number, which happens in the middle of the
# close. The host keeps the new sub-channel when the device is closed, so that
# the test can wait for its offer.
offered_again_in_close() {
	fresh
	last=$first
	hold worker start hvuio_sub_begin_open || return
	keep_open
	host "wait-open;$(offered)"
	wait_held
	host "keep-subs on;rescind-sub $first;sleep 500;$(offered)"
	let_go
	was_held || return
	hold process end vmbus_disconnect_ring || return
	close_it
	wait_held
	host "channel $first;wait-offered"
	let_go
	wait "$pid"
	host "keep-subs off;channel $first;wait-released"
	was_held && works
}

bind_class "$class"
id=${device##*/}
for place in "start hvuio_ring_alloc" "start hvuio_maps_set" "start __uio_register_device" "end __uio_register_device"; do
	at probe $place sh -c "echo $id >$driver/unbind; echo $id >$driver/bind"
done
for place in "start hvuio_connect" "start vmbus_post_msg" "start vmbus_connect_ring" "end vmbus_connect_ring"; do
	at open $place $open $class 1
done
for place in "start hvuio_disconnect" "start vmbus_disconnect_ring" "end vmbus_disconnect_ring"; do
	at close $place $open $class 1
done
for place in "end hvuio_disconnect_last" "start hvuio_maps_revoke" "start hvuio_ring_free"; do
	at remove $place sh -c "echo $id >$driver/unbind"
done

for place in "start hvuio_sub_offered" "end hvuio_sub_offered" "start hvuio_subs_open_work" "start hvuio_sub_begin_open" \
	"end hvuio_sub_begin_open" "start vmbus_connect_ring" "end vmbus_connect_ring"; do
	for event in device sub-channel close; do
		check "a new sub-channel: $event, at the $place" opening $place $event
	done
done
for place in "start hvuio_subs_begin_walk" "end hvuio_subs_begin_walk"; do
	for event in device sub-channel; do
		check "closing with sub-channels: $event, at the $place" closing $place $event
	done
done
for place in "end vmbus_disconnect_ring" "start hvuio_subs_end_walk" "end hvuio_subs_end_walk"; do
	for event in device nothing; do
		check "closing with sub-channels: $event, at the $place" closing $place $event
	done
done
check "closing with sub-channels: one is offered again before the primary is closed" offered_again_in_close
host_is_done
check "rmmod" rmmod uio_hv_generic
