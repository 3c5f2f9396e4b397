# SPDX-License-Identifier: GPL-2.0-only
# While VMBus waits for the host in an open, a close or an unbind, the process
# holds the module's lock, and UIO's as well, except in an unbind. Others who
# use the device meanwhile must end at once, or as soon as the host has
# answered. The host of the bench also answers when it rescinds the device. Then
# the device must work.
. /bench/hold.sh
open=$programs/open_close
open_it() { "$open" "$class" 1; }
write_it() { printf '\001\000\000\000' >"$node"; }
# A larger size, because a program may already have read the present one
resize_it() { echo $((size + page)) >"$device/uio_hv_generic/ring_size"; }
open_node() { : <>"$node"; }
move_it() { echo 1 >"$channel/cpu"; }
unbind() { echo "$id" >"$driver/unbind"; }
bind() { echo "$id" >"$driver/bind"; }
read_files() { cat "$device/uio_hv_generic/state" "$device/uio_hv_generic/ring_size" "$channel/cpu"; }

# ends STATUS COMMAND...: whether the command ends although the host does not
# answer, with this status
ends() {
	local wanted="$1" status
	shift
	"$@" &
	end_of $! 20
	status=$?
	echo "exit status $status"
	[ $status = "$wanted" ]
}
# start NAME COMMAND...: start a command in the background. It is one of $all,
# and $NAME is its process.
start() {
	local name="$1"
	shift
	"$@" >"/tmp/$name.log" 2>&1 &
	eval "$name=$!"
	all="$all $!"
}
# wait_all: whether all commands in $all still wait for the host
wait_all() {
	sleep 1
	for pid in $all; do
		! over "$pid" || { echo "process $pid has ended, of: $all" && return 1; }
	done
}
# end_all: whether they all end, now that the host has answered
end_all() {
	status=0
	: >/tmp/ended
	for pid in $all; do
		by_clock 20 over "$pid" || {
			echo "process $pid has not ended: $(waiting "$pid")"
			status=1
			continue
		}
		wait "$pid"
		echo "process $pid: exit status $?" >>/tmp/ended
	done
	cat /tmp/ended
	return $status
}
ended_with() { cat /tmp/ended && grep -qx "process $1: exit status $2" /tmp/ended; }
# killed PID: kill the process, which must wait for the host nevertheless
killed() {
	kill -9 "$1"
	sleep 1
	! over "$1"
}
# dies PID: kill a process that waits, and check that it ends
dies() {
	! over "$1" || return
	kill -9 "$1"
	end_of "$1" 20
	[ $? = 137 ]
}

# The host holds the answer to an open.
hold_open() {
	host "answer off"
	start opener "$open" "$class" 1
	host wait-asked
}
# The host holds the GPADL of the rings when the device is closed.
hold_close() {
	keep_open
	opener=$pid all=$pid
	host "wait-open;gpadls hold"
	close_it
	host "wait-close;sleep 500;expect-stat gpadls 1 1"
}

# meanwhile open|close: use the device in each way while the host holds this
# answer. The checks begin with $what.
meanwhile() {
	check "$what: the state, the size of the rings and the processor can be read" ends 0 read_files
	check "$what: rmmod is refused" ends 1 rmmod uio_hv_generic
	# VMBus closes one channel at a time.
	[ "$1" = close ] || check "$what: another device opens and closes" ends 0 "$open" "$fcopy_class" 1
	start second open_it
	start writer write_it
	start sizer resize_it
	resize_it &
	killed_sizer=$!
	case $1,$vmbus in
	close,4.0 | open,*) check "$what: the processor of a channel that is not open cannot be chosen" ends 1 move_it ;;
	*) start mover move_it ;;
	esac
	check "$what: an open, a write and a new size wait for the host" wait_all
	check "$what: a process that waits to write the size can be killed" dies $killed_sizer
	check "$what: a process that is killed in it waits for the host" killed "$opener"
}
# answer: let the host answer
answer() { host "answer on;gpadls answer"; }
# rescinded: let the host rescind the device instead, and offer it again
rescinded() { host "rescind;wait-released;answer on;gpadls answer;offer;wait-offered"; }

# find_it: find the device, which is bound, and its files
find_it() {
	within 20 bound "$class" || return
	id=${device##*/} node=/dev/$(ls "$device/uio") channel=$(echo "$device"/channels/*)
	size=$(cat "$device/uio_hv_generic/ring_size")
}
# round open|close [unbind] answer|rescinded: hold an open or a close, unbind
# the device meanwhile, and let the host answer or rescind the device
round() {
	local moment="$1" what="$*"
	all=''
	find_it || return
	"hold_$moment"
	meanwhile "$moment"
	shift
	if [ "$1" = unbind ]; then
		start unbinder unbind
		check "$what: the unbind waits for the host" wait_all
		shift
	fi
	"$1"
	check "$what: all have ended" end_all
	[ "$what" != "$moment answer" ] || check "$what: the other program has opened the device" ended_with "$second" 0
	[ "$what" != "$moment unbind answer" ] || bind
	check "$what: the device works afterwards" works
}

# use_later: open the device, and use it when the unbind waits for the host
use_later() {
	exec 5<>"$node"
	until [ -e /tmp/use ]; do nap; done
	printf '\001\000\000\000' >&5
	echo "write $?"
	dd bs=4 count=1 <&5
	echo "read $?"
}
used() { cat /tmp/user.log && grep -qx 'write 1' /tmp/user.log && grep -qx 'read 1' /tmp/user.log; }
# remove answer|rescinded: unbind an open device, hold the GPADL of its rings,
# and use the device meanwhile
remove() {
	all=''
	rm -f /tmp/use
	find_it || return
	start user use_later
	host "wait-open;gpadls hold"
	start unbinder unbind
	host "wait-close;sleep 500;expect-stat gpadls 1 1"
	: >/tmp/use
	check "remove: a write and a read fail at once" within 20 used
	start opener open_node
	check "remove: the unbind, an open and a close wait for the host" wait_all
	check "remove: a process that is killed in a close waits for the host" killed "$user"
	"$1"
	check "remove $1: all have ended" end_all
	check "remove $1: the open has failed" ended_with "$opener" 1
	[ "$1" != answer ] || bind
	check "remove $1: the device works afterwards" works
}

vmbus=$(offered_vmbus)
bind_class "$class" "$fcopy_class"
for moment in open close; do
	round $moment answer
	round $moment rescinded
	round $moment unbind answer
	round $moment unbind rescinded
done
remove answer
remove rescinded
host_is_done
check "rmmod" rmmod uio_hv_generic
