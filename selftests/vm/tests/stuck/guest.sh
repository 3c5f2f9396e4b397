# SPDX-License-Identifier: GPL-2.0-only
. /bench/hold.sh

logged() { dmesg | grep "$1"; }
# unbind: begin to unbind the device, with the process $unbinder
unbind() {
	sh -c "echo $id >$driver/unbind" &
	unbinder=$!
}
# unbound: wait for the end of the unbind, and end the session
unbound() {
	wait "$unbinder"
	close_it
	wait "$pid"
}
# comes_back: bind the device again. It must open, and must have no channel then
# except the primary.
comes_back() { echo "$id" >"$driver/bind" && works; }

# unanswered: let the host offer a sub-channel, and not answer its opening
unanswered() { host "channel $first;answer off;channel 0;offer-sub $first $first;channel $first;wait-asked"; }
answer() { host "channel $first;answer on;wait-open"; }

# In the middle of an unbind, let the host offer a sub-channel and take it back
# at once, while it keeps two others until the unbind has given up.
taken_back_in_unbind() {
	open_with_subs on
	gone=$(both_gone)
	hold process start vmbus_disconnect_ring || return
	unbind
	wait_held
	offer_late
	within 5 so_many_channels 4
	host "rescind-sub $first;sleep 300"
	let_go
	unbound
	host "keep-subs off;$gone"
	was_held && logged "left to VMBus"
}

# Let the host answer the opening of a sub-channel only after the device was
# unbound. The host takes the sub-channel back later.
opened_after_unbind() {
	fresh
	keep_open
	host "keep-subs on;wait-open"
	unanswered
	unbind
	unbound
	answer
	within 20 logged "opened by the host after its device was removed"
}

# Let the host answer the opening of a sub-channel after the close has given up
# waiting for it, and before VMBus's walk meets it.
answered_before_walk() {
	fresh
	keep_open
	host wait-open
	unanswered
	hold process start vmbus_disconnect_ring || return
	close_it
	wait_held
	answer
	let_go
	wait "$pid"
	was_held && works
}

# Let the host answer such an opening in an unbind after the walk, while it
# keeps two other sub-channels until the unbind has given up.
answered_after_walk() {
	left=$(dmesg | grep -c "left to VMBus")
	open_with_subs on
	gone=$(both_gone)
	fresh
	unanswered
	hold process end vmbus_disconnect_ring || return
	unbind
	wait_held
	answer
	let_go
	unbound
	host "keep-subs off;$gone"
	was_held && [ "$(dmesg | grep -c "left to VMBus")" -gt "$left" ]
}

bind_class "$class"
id=${device##*/}

check "a sub-channel comes during an unbind and is taken back, and the host keeps two" taken_back_in_unbind
check "those two go" within 20 so_many_channels 2
check "the device works when it is bound again" comes_back
host "channel $first;wait-released"

check "the host opens a sub-channel after the unbind" opened_after_unbind
host "keep-subs off;sleep 500"
check "the device works when it is bound again" comes_back
host "channel $first;wait-released"

check "the host answers the opening of a sub-channel in a close, before the walk" answered_before_walk
host "channel $first;wait-released"

check "the host answers one in an unbind after the walk, and keeps two others" answered_after_walk
check "those two go" within 20 so_many_channels 2
check "the device works when it is bound again" comes_back
host "channel $first;wait-released"
host_is_done
check "rmmod" rmmod uio_hv_generic
