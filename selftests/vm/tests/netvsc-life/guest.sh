# SPDX-License-Identifier: GPL-2.0-only
instance=$nic_instance
device=/sys/bus/vmbus/devices/$instance
log=/tmp/netvsc.log
gone() { [ ! -e "$device" ]; }

start() {
	in_background $log "$programs/netvsc" --forward "--channels=$1" "$instance"
	pid=$!
}
# flow NAME CHANNELS: check in two results that the driver forwards frames on
# these channels, as observed by the host, and continues to run
flow() {
	check "$1: it is bound" within 60 bound "$nic_class"
	start "$2"
	check "$1: the driver sets up the NIC" within 60 grep -q '^nic 0: ready' $log || while read -r line; do note "$line"; done <$log
	say "flow $1"
	hear "flows $1"
}
# ended NAME STATUS: check in one result that the driver has ended
ended() {
	end_of $pid 120
	status=$?
	check "$1: the driver ends as it should: $status, $(tail -n 1 $log)" test $status = "$2"
}

bind_class "$nic_class"
for round in 1 2 3; do
	flow "unbind $round" 4
	echo "$instance" >"$driver/unbind"
	ended "unbind $round" 3
	echo "$instance" >"$driver/bind"
done
for round in 1 2 3; do
	flow "kill $round" $round
	kill -9 $pid
	ended "kill $round" 137
done
for round in 1 2; do
	flow "rescind $round" 4
	say "rescind $round"
	ended "rescind $round" 3
	check "rescind $round: the device has gone" within 30 gone
	say "gone $round"
	hear "offered $round"
done
echo platform >/sys/power/pm_test
for round in 1 2; do
	flow "hibernation $round" 4
	check "hibernation $round: the machine hibernates and comes back" sh -c 'echo disk >/sys/power/state'
	ended "hibernation $round" 3
done

flow walk 4
seed=$(awk '{ print int($1 * 100) }' /proc/uptime)
"$programs/walk" "$nic_class" 20 "$seed" >/tmp/walk.log 2>&1 &
walk=$!
starts=0 ready=0
while kill -0 $walk 2>/dev/null; do
	kill -0 $pid 2>/dev/null || {
		wait $pid
		! grep -q '^nic 0: ready' $log || ready=$((ready + 1))
		start 4
		starts=$((starts + 1))
	}
	nap
done
wait $walk
check "a walk with seed $seed ($starts starts of the driver meanwhile, the NIC was ready $ready times)" test $? = 0
while read -r line; do note "$line"; done </tmp/walk.log
kill -TERM $pid
wait $pid
[ -e "$device"/driver ] || echo "$instance" >"$driver/bind"
say walked
hear again

flow "the last time" 4
kill -TERM $pid
ended "the last time" 0
check "rmmod takes the NIC away" rmmod uio_hv_generic
say finished
