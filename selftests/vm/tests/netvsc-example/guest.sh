# SPDX-License-Identifier: GPL-2.0-only
. /bench/nic.sh
netvsc=$programs/netvsc
first=$nic_instance
other=$nic2_instance
log=/tmp/netvsc.log

# begin NAME OPTION...: start the driver in the background, and wait until it
# has set up the NIC
begin() {
	name=$1
	shift
	in_background $log "$netvsc" "$@"
	pid=$!
	check "$name: the driver sets up the NIC" within 30 grep -q '^nic 0: ready' $log
	say "$name"
}
# end NAME STATUS: check that the driver ends, by itself or after SIGTERM
end() {
	end_of $pid 120
	status=$?
	check "$1: the driver ends as it should: $status, $(tail -n 1 $log)" test $status = "$2"
}
# forward NAME CHANNELS OPTION...: forward until the host has checked enough
# frames
forward() {
	name=$1 channels=$2
	shift 2
	begin "$name" --forward --channels="$channels" "$@" "$first"
	check "$name: $channels channels" grep -q "channels $channels," $log
	hear "$name done"
	kill -TERM $pid
	end "$name" 0
	check "$name: it drops no frame" none_dropped
}
none_dropped() { grep -q 'tx_dropped=0 ' $log && ! grep -q 'tx_dropped=[1-9]' $log; }
gone() { [ ! -e /sys/bus/vmbus/devices/"$first" ]; }
offered() { [ -e /sys/bus/vmbus/devices/"$first" ]; }

echo 1 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
bind_class "$nic_class"
begin echo --echo=10.55.0.2 "$first"
hear pinged
kill -TERM $pid
end echo 0

forward "pages" 1 --send=pages
forward "sections" 1 --send=sections
forward "four channels" 4
forward "poll" 1 --poll

# The first frames come before the second NIC is ready.
begin "two NICs" --forward "$first" "$other"
hear "two NICs done"
kill -TERM $pid
end "two NICs" 0
check "two NICs: it drops no frame" none_dropped

begin "rescind" --forward "$first"
end "rescind" 3
check "the device has gone" within 20 gone
say gone
hear offered
check "it is offered again" within 20 offered
rmmod uio_hv_generic
modprobe hv_netvsc
check "hv_netvsc gets the NIC" within 30 first_there
nic_up "$nic" 0
check "and passes traffic" ping -c 5 -A 10.55.0.1
say "back"
hear finished
