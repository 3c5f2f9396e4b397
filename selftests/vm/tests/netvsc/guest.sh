# SPDX-License-Identifier: GPL-2.0-only
. /bench/nic.sh
peer=10.55.0.1

gone() { ! nic_interface 0; }
carrier() { [ "$(cat "/sys/class/net/$nic/carrier")" = "$1" ]; }

modprobe hv_netvsc
check "both NICs have an interface with the host's address" within 30 there
nic_up "$nic" 0
nic_up "$other" 1
check "ping" ping -c 20 -A $peer
say pinged

outbound "MTU 1500" "$nic" 2000 60 1514
inbound "MTU 1500" "$nic" 2000 0
ip link set "$nic" mtu 4000
check "MTU 4000: ping with 3900 bytes" ping -c 5 -A -s 3900 $peer
outbound "MTU 4000" "$nic" 400 60 4014
inbound "MTU 4000" "$nic" 400 0
ip link set "$nic" mtu 1500
check "MTU 1500 again: ping" ping -c 5 -A $peer
say "MTU 1500 again"

check "without a link there is no carrier" within 30 carrier 0
say "carrier off"
check "with it there is" within 30 carrier 1
say "carrier on"

hear bridge
receive "$other" 300 60 7 5
sent=$(nic_tool send "$nic" 300 60 1514 7 5)
wait $!
check "frames with their VLAN go over the bridge to the other NIC: $(grep broken /tmp/in)" test "$(tail -n 1 /tmp/in)" = "$sent"
nic_down "$nic"
say bridged

hear rescinded
check "the interface has gone" within 20 gone
say gone

hear offered
nic_again "the new NIC"
for version in 0x50000 0x40000 0x30002 2; do
	hear "version $version"
	nic_again "version $version"
done
hear finished
