# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck disable=SC3043
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

# nic_up INTERFACE NUMBER: set the interface up, with the address 10.55.NUMBER.2
nic_up() { ip addr add "10.55.$2.2/24" dev "$1" && ip link set "$1" up; }

# nic_down INTERFACE: set the interface down, which the guest has to do before
# the host rescinds the NIC. hv_netvsc then waits until both rings are empty.
# After a rescind it waits for the completion of every frame that it has sent:
# one that the host has not read blocks it for ever, and with it all commands
# that configure interfaces. An interface that is up sends frames at any time.
nic_down() { ip link set "$1" down; }

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
