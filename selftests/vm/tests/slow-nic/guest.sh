# SPDX-License-Identifier: GPL-2.0-only
# The module creates the GPADLs of a NIC's receive and send buffers when it
# binds the NIC, and tears them down when it releases it.
. /bench/hold.sh
class=$nic_class
id=$nic_instance

bind() { echo "$id" >"$driver/bind"; }
unbind() { echo "$id" >"$driver/unbind"; }
is_unbound() { [ -d "/sys/bus/vmbus/devices/$id" ] && ! bound "$class"; }
logged() { dmesg | tail -n +$((log_lines + 1)) | grep "$1"; }
# start bind|unbind: start this in the background, as $pid
start() {
	log_lines=$(dmesg | wc -l)
	"$1" &
	pid=$!
}
waits() { ! over "$pid"; }
# fails: check that the bind ends with an error, and that the module leaks
# nothing
fails() {
	wait "$pid" && echo "the NIC was bound" && return 1
	! logged leaking
}
# ends: check that the unbind ends without a leak
ends() { wait "$pid" && ! logged leaking; }
# holds COUNT: print the command that checks for how many buffers the host has
# GPADLs. It is the last of its list, because the host runs no command after one
# that has failed.
holds() { echo "expect-stat gpadls $1 $1"; }
# shared COUNT: print the command that waits until the guest has sent the host
# so many buffers
shared() { echo "wait-stat gpadls $1 $1"; }

# created_late COUNT: print the command that checks how many GPADLs the guest
# has created after a rescind. The host answers that these creations have
# succeeded.
created_late() { echo "expect-stat late-creations $1 $1"; }

# after_recv: start to bind the NIC, and hold the process when the host has
# accepted the receive buffer
after_recv() {
	hold process end vmbus_establish_gpadl || return
	start bind
	wait_held
	host "$(holds 1)"
}

# late: let the host accept the buffers two seconds after the first one came
late() {
	host "gpadls hold"
	start bind
	host "$(shared 1);sleep 2000;$(holds 1)"
	waits && is_unbound
	status=$?
	host "gpadls answer"
	wait "$pid" && bound "$class" && [ $status = 0 ] || return
	host "$(holds 2)"
	works
}
# late_release: let the host release the buffers two seconds late
late_release() {
	host "gpadls hold"
	start unbind
	host "sleep 2000;$(holds 2)"
	waits
	status=$?
	host "gpadls answer"
	ends && [ $status = 0 ] && host "$(holds 0)"
}
# refused recv|send: let the host refuse a buffer
refused() {
	if [ "$1" = recv ]; then
		host "gpadls fail"
		start bind
	else
		after_recv || return
		host "gpadls fail"
		let_go
	fi
	fails
	status=$?
	host "gpadls answer;$(holds 0)"
	[ "$1" = recv ] || was_held || return
	case $1 in recv) logged "no receive buffer: -" ;; send) logged "no send buffer: -" ;; esac &&
		[ $status = 0 ] && is_unbound
}

# returns: let the host offer the NIC again, and check that it works
returns() {
	host "gpadls answer;offer;wait-offered"
	works && host "$(holds 2)"
}
# rescinded MOMENT: let the host rescind the NIC at this moment
rescinded() {
	case $1 in
	"held recv")
		host "gpadls hold"
		start bind
		host "$(shared 1)"
		host "rescind;wait-released"
		;;
	"held send")
		after_recv || return
		host "gpadls hold"
		let_go
		host "$(shared 2)"
		host "rescind;wait-released"
		was_held || return
		;;
	"sending recv")
		hold process start vmbus_post_msg || return
		start bind
		wait_held
		host "$(holds 0)"
		host "rescind;sleep 500"
		let_go
		host "wait-released;$(created_late 1)"
		was_held || return
		;;
	between)
		after_recv || return
		host "rescind;sleep 500"
		let_go
		host wait-released
		was_held || return
		;;
	"sending send")
		after_recv || return
		by hold2 hold process start vmbus_post_msg
		let_go
		was_held || return
		by hold2 wait_held
		host "rescind;sleep 500"
		by hold2 let_go
		host "wait-released;$(created_late 2)"
		by hold2 was_held || return
		;;
	esac
	fails && returns
}
# rescinded_in_unbind: let the host rescind the NIC instead of releasing the
# buffers
rescinded_in_unbind() {
	host "gpadls hold"
	start unbind
	host "sleep 1000;$(holds 2)"
	waits
	status=$?
	host "rescind;wait-released"
	ends && returns && [ $status = 0 ]
}
# rescinded_at_offer: let the host hold the buffers of a NIC that it has just
# offered, and then rescind the NIC
rescinded_at_offer() {
	log_lines=$(dmesg | wc -l)
	host "rescind;wait-released;gpadls hold;offer;wait-offered;$(shared 1)"
	host "rescind;wait-released"
	! logged leaking && returns
}
# lost: let VMBus send no teardown, so that the host keeps both buffers
lost() {
	insmod /deny.ko deny=1 at=vmbus_post_msg || return
	log_lines=$(dmesg | wc -l)
	unbind
	rmmod deny
	host "$(holds 2)"
	logged "leaking a buffer of $((2 * page)) bytes" && logged "leaking a buffer of $page bytes" || return
	host "rescind;wait-released"
	returns
}

modprobe uio_hv_generic
echo $((2 * page)) >"$driver/recv_size"
echo "$page" >"$driver/send_size"
bind_class "$class"
host "$(holds 2)"
check "the host releases the buffers late: the unbind waits" late_release
check "the host accepts the buffers late: the bind waits" late
check "unbind" unbind
host "$(holds 0)"
for buffer in recv send; do
	check "the host refuses the $buffer buffer: the bind fails, and nothing is left" refused $buffer
	check "the next bind succeeds" bind
	check "and the NIC works" works
	unbind
done
for moment in "held recv" "held send" "sending recv" between "sending send"; do
	check "the host rescinds the NIC during a bind: $moment" rescinded "$moment"
	unbind
done
check "the host rescinds a NIC that it has just offered, whose buffers it holds" rescinded_at_offer
check "the host rescinds the NIC during an unbind" rescinded_in_unbind
check "a teardown that does not reach the host: the buffers are leaked, and the kernel log says so" lost
check "a last unbind leaks nothing" sh -c "echo $id >$driver/unbind && test \$(dmesg | grep -c leaking) = 2"
host "$(holds 0)"
host_is_done
check "rmmod" rmmod uio_hv_generic
