# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
peer=10.55.0.1

# The interface with a MAC address
interface() {
	local folder
	for folder in /sys/class/net/*; do
		[ "$(cat "$folder/address")" = "$1" ] && basename "$folder" && return
	done
	return 1
}
there() { nic=$(interface 00:15:5d:55:00:02) && other=$(interface 00:15:5d:55:01:02); }
gone() { ! interface 00:15:5d:55:00:02; }
up() { ip addr add 10.55.0.2/24 dev "$nic" && ip link set "$nic" up; }
carrier() { [ "$(cat "/sys/class/net/$nic/carrier")" = "$1" ]; }
answers() { ping -c 1 -W 1 $peer; }

# outbound NAME COUNT MIN MAX
outbound() { say "sent $1 $(nic_tool send "$nic" "$2" "$3" "$4" 1)"; }
# inbound NAME COUNT STREAM
inbound() {
	nic_tool receive "$nic" "$2" 60 "$3" >/tmp/in 2>/tmp/in.err &
	within 10 grep -q ready /tmp/in
	say "receives $1"
	wait $!
	check "$1: the frames of the host are whole and in order: $(cat /tmp/in.err)" test $? = 0
	say "received $1 $(tail -n 1 /tmp/in)"
}

modprobe hv_netvsc
check "both NICs have an interface with the host's address" within 30 there
up
ip link set "$other" up
check "ping" ping -c 20 -A $peer
say "pinged"

outbound "MTU 1500" 3000 60 1514
inbound "MTU 1500" 3000 0
ip link set "$nic" mtu 4000
check "MTU 4000: ping with 3900 bytes" ping -c 5 -A -s 3900 $peer
outbound "MTU 4000" 400 60 4014
inbound "MTU 4000" 400 0
ip link set "$nic" mtu 1500
check "MTU 1500 again" ping -c 5 -A $peer

channels() { [ "$(nic_tool channels "$nic" "$@")" = "channels ${1:-2} of 2" ]; }
check "there are two channels" within 20 channels
check "one, as ethtool -L does" channels 1
check "ping" ping -c 5 -A $peer
check "two again" channels 2
say "two channels"
inbound "channel 1" 500 1
check "ping" ping -c 5 -A $peer
nic_tool spray $peer 64
say sprayed

check "without a link there is no carrier" within 30 carrier 0
say "carrier off"
check "with it there is" within 30 carrier 1
say "carrier on"

hear bridge
nic_tool receive "$other" 300 60 7 >/tmp/in 2>/tmp/in.err &
within 10 grep -q ready /tmp/in
sent=$(nic_tool send "$nic" 300 60 1514 7 5)
wait $!
check "frames with a VLAN go over the bridge to the other NIC: $(tail -n 1 /tmp/in)" test "$(tail -n 1 /tmp/in)" = "$sent"
say bridged

hear rescinded
check "the interface has gone" within 20 gone
say gone
hear offered
for version in 0x50000 0x40000 0x30002 2 "the last"; do
	check "the interface is there again" within 20 there
	up
	check "ping" within 20 answers
	say "answered $version"
	[ "$version" = "the last" ] || hear "$version"
	within 20 there
done
hear finished
