# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Processor 1 is for what is held, 0 for all else: VMBus takes a device back where its message arrived.
class=7d3c5a10-41b2-4f0e-9a6c-0d5b1e2f3a44
open=/usr/libexec/hyperv-uio/selftests/uio/open_close
driver=/sys/bus/vmbus/drivers/uio_hv_generic
parameters=/sys/module/hold/parameters
number=0

is_held() { grep -qx 1 $parameters/held; }
# once START OR END, FUNCTION, COMMAND...: the host takes the device back while the command is there, and offers it again
once() {
	place=$1 at=$2
	shift 2
	insmod /hold.ko at="$at" end="$([ "$place" = end ] && echo 1 || echo 0)" || return
	taskset 2 "$@" &
	pid=$!
	within 20 is_held || echo "nothing came there"
	number=$((number + 1))
	say "midway $number"
	hear "rescinded $number"
	held=$(cat $parameters/held)
	echo 1 >$parameters/go
	hear "offered $number"
	wait $pid
	echo "held $held; the process ended with $?"
	rmmod hold && [ "$held" = 1 ] && within 20 bound $class && $open $class 1
}
# Where processor 0 needs an answer of the one that is held, with its interrupts off, nothing happens before its limit (3).
midway() {
	for _ in 1 2 3; do
		once "$@" && return
		[ "$held" = 3 ] || return 1
	done
	return 1
}
at() {
	what=$1
	shift
	check "$what: at the $1 of $2" midway "$@"
}

taskset -p 1 $$
modprobe uio_hv_generic
echo $class >$driver/new_id
check "the device is bound" within 10 bound $class
id=${device##*/}
for place in "start hvuio_ring_alloc" "start hvuio_maps_set" "start __uio_register_device" "end __uio_register_device"; do
	# shellcheck disable=SC2086 # two words
	at probe $place sh -c "echo $id >$driver/unbind; echo $id >$driver/bind"
done
for place in "start hvuio_connect" "start vmbus_post_msg" "start vmbus_connect_ring" "end vmbus_connect_ring"; do
	# shellcheck disable=SC2086 # two words
	at open $place $open $class 1
done
for place in "start hvuio_disconnect" "start vmbus_disconnect_ring" "end vmbus_disconnect_ring"; do
	# shellcheck disable=SC2086 # two words
	at close $place $open $class 1
done
for place in "end hvuio_disconnect_last" "start hvuio_maps_revoke" "start hvuio_ring_free"; do
	# shellcheck disable=SC2086 # two words
	at remove $place sh -c "echo $id >$driver/unbind"
done
say "midway is over"
check "rmmod" rmmod uio_hv_generic
