# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck disable=SC2034,SC3043
# The guest.sh of a test with NICs of vmbus-nic sources this file, which
# guest/nic-tool adds to the guest. nic_same and nic_towards of host-lib.sh are
# the host's parts of outbound and inbound.

# nic_interface NUMBER: print the interface of the NIC that has this number in
# vmbus-nic
nic_interface() {
	local folder
	for folder in /sys/class/net/*; do
		[ "$(cat "$folder/address" 2>/dev/null)" = "00:15:5d:55:0$1:02" ] && basename "$folder" && return
	done
	return 1
}

# there: whether hv_netvsc has both NICs; sets $nic and $other to the interfaces
there() { nic=$(nic_interface 0) && other=$(nic_interface 1); }
# first_there: whether it has the first one; sets $nic
first_there() { nic=$(nic_interface 0); }

# nic_up INTERFACE NUMBER: set the interface up, with the address 10.55.NUMBER.2
nic_up() { ip addr add "10.55.$2.2/24" dev "$1" && ip link set "$1" up; }

# nic_down INTERFACE: set the interface down, which the guest has to do before
# the host rescinds the NIC. hv_netvsc then waits until both rings are empty.
# After a rescind it waits for the completion of every frame that it has sent:
# one that the host has not read blocks it for ever, and with it all commands
# that configure interfaces. An interface that is up sends frames at any time.
nic_down() { ip link set "$1" down; }

# nic_answers: whether the host answers a ping through the first NIC
nic_answers() { ping -c 1 -W 1 10.55.0.1; }
# nic_again NAME [COMMAND...]: check that the host's new NIC has an interface,
# that it works and that the command succeeds, and tell the host "has NAME"
nic_again() {
	local name="$1"
	shift
	check "$name: there is an interface" within 20 first_there
	nic_up "$nic" 0
	check "$name: ping" within 20 nic_answers
	[ $# = 0 ] || check "$name: $*" "$@"
	nic_down "$nic"
	say "has $name"
}

# outbound NAME INTERFACE COUNT MIN MAX: send numbered frames of stream 1 to the
# host
outbound() { say "sent $1: $(nic_tool send "$2" "$3" "$4" "$5" 1)"; }

# receive INTERFACE COUNT SECONDS STREAM [VLAN]: begin to receive numbered
# frames, as the process $! that writes /tmp/in
receive() {
	in_background /tmp/in nic_tool receive "$@"
	within 20 grep -q ready /tmp/in
}

# inbound NAME INTERFACE COUNT STREAM: receive numbered frames of the host, and
# check them in one result
inbound() {
	local status
	receive "$2" "$3" 120 "$4"
	say "receives $1"
	wait $!
	status=$?
	check "$1: the frames of the host are whole and in order: $(cat /tmp/in)" test $status = 0
	say "received $1: $(tail -n 1 /tmp/in)"
}
