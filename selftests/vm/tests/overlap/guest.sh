# SPDX-License-Identifier: GPL-2.0-only
. /bench/hold.sh
open=$programs/open_close

# one_by_one: whether VMBus has a workqueue for rescinds, which handles one at a
# time. Each workqueue of this kind has a thread with its name.
one_by_one() { cat /proc/[0-9]*/comm 2>/dev/null | grep -q hv_vmbus_resc; }
# The file copy device is the other device.
other_is_bound() (bound "$fcopy_class")
other_works() (within 20 bound "$fcopy_class" && $open "$fcopy_class" 1)

# other_meanwhile: let the host rescind the other device while the rescind of a
# sub-channel is held. Check when VMBus handles that, and end the hold.
other_meanwhile() {
	status=0
	if one_by_one; then
		host "fcopy: rescind;sleep 5000"
		other_is_bound || { echo "the other device has gone" && status=1; }
		is_held || { echo "the hold has ended" && status=1; }
		let_go
		host "fcopy: wait-released"
	else
		host "fcopy: timeout 20;rescind;wait-released"
		other_is_bound && echo "the other device is still there" && status=1
		is_held || { echo "the hold has ended" && status=1; }
		let_go
	fi
	host "fcopy: offer;wait-offered"
	return $status
}

# ends_well: close the device after the rescind of a sub-channel was held, and
# check that both devices work
ends_well() {
	close_it
	wait "$pid"
	host "$(both_gone)"
	was_held && [ "$status" = 0 ] && works && other_works
}

# vmbus_holds_rescind: hold the worker that is about to handle the rescind of an
# open sub-channel
vmbus_holds_rescind() {
	open_with_subs off
	hold worker start vmbus_onoffer_rescind || return
	host "rescind-sub $first"
	wait_held
}
held_by_vmbus() {
	vmbus_holds_rescind || return
	other_meanwhile
	ends_well
}
# held_by_module: hold the worker that opens a sub-channel. The module holds the
# rescind of this sub-channel meanwhile.
held_by_module() {
	fresh
	hold worker end hvuio_sub_begin_open || return
	keep_open
	host "wait-open;$(offered)"
	wait_held
	host "rescind-sub $first;sleep 500"
	other_meanwhile
	ends_well
}

# two_subs: let the host rescind two open sub-channels, and close the device
# meanwhile. Hold the first rescind where VMBus is about to set the flag rescind
# of the sub-channel, and the close when it has closed the same sub-channel.
# Both go on with the flag set, and VMBus removes the sub-channel in both unless
# the module prevents that (kernel/subchannel.c). On 5.10 the second rescind
# overtakes the first.
two_subs() {
	open_with_subs off
	if ! hold worker end vmbus_reset_channel_cb; then
		close_it
		wait "$pid"
		return 1
	fi
	host "rescind-sub $first"
	wait_held
	host "rescind-sub $last;sleep 500"
	if ! by hold2 hold process end vmbus_teardown_gpadl; then
		let_go
		close_it
		wait "$pid"
		was_held
		return 1
	fi
	close_it
	by hold2 wait_held
	let_go
	sleep 1
	by hold2 let_go
	wait "$pid"
	host "$(both_gone)"
	by hold2 was_held
	status=$?
	was_held && [ "$status" = 0 ] && works && other_works
}

# both_rescinded [held]: let the host rescind both devices at the same time, one
# with two sub-channels, while both are open. With "held", VMBus begins with one
# of the rescinds a second late.
both_rescinded() {
	fresh
	keep_open
	(
		bound "$fcopy_class"
		exec 6<>"/dev/$(ls "$device/uio")"
		until [ -e /tmp/close ]; do nap; done
	) &
	other=$!
	host "device fcopy: wait-open"
	host "$(offered);$(both_open)"
	within 20 rings 3
	[ -z "$1" ] || hold worker start vmbus_onoffer_rescind || return
	host "device fcopy: rescind"
	if [ -n "$1" ]; then
		wait_held
		sleep 1
		let_go
	fi
	host "device fcopy: wait-released;offer;wait-offered"
	close_it
	wait "$pid" "$other"
	[ -z "$1" ] || was_held || return
	works && other_works
}

# waits_in_kernel PID: whether the process waits for a lock of the kernel
waits_in_kernel() { grep '^State:.D' "/proc/$1/status"; }
# bound_meanwhile: bind the other device while UIO removes the device. UIO has
# freed the number of the device by then, and its files are still there. The
# number is the lowest that is free, because the device was bound alone.
bound_meanwhile() {
	id=${device##*/}
	other_id=$(bound "$fcopy_class" && echo "${device##*/}")
	for unbound in "$other_id" "$id"; do echo "$unbound" >"$driver/unbind"; done
	echo "$id" >"$driver/bind"
	hold process start device_unregister || return
	echo "$id" >"$driver/unbind" &
	pid=$!
	wait_held
	echo "$other_id" >"$driver/bind" &
	other=$!
	# The module lets the second process wait until the first has ended.
	sleep 1
	waits_in_kernel "$other"
	status=$?
	let_go
	wait "$other" || status=1
	wait "$pid"
	echo "$id" >"$driver/bind"
	was_held && [ $status = 0 ] && works && other_works
}

bind_class "$fcopy_class" "$class"
check "the other device is bound while UIO removes the device" bound_meanwhile
if one_by_one; then when="waits until a held rescind has ended"; else when="does not wait for a held rescind"; fi
check "VMBus holds the rescind of a sub-channel: the rescind of another device $when" held_by_vmbus
check "the module holds the rescind of a sub-channel: the rescind of another device $when" held_by_module
check "two sub-channels are rescinded, and the close meets one of them meanwhile" two_subs
for _ in 1 2 3; do
	check "both devices are rescinded at the same time, come back and work" both_rescinded
	check "and while one rescind is late" both_rescinded held
done
host_is_done
check "rmmod" rmmod uio_hv_generic
