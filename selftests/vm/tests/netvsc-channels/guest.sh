# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
. /bench/nic.sh
peer=10.55.0.1
there() { nic=$(nic_interface 0); }
answers() { ping -c 1 -W 1 $peer; }
# channels COUNT [WANTED]: request WANTED channels, if given, and return whether
# there are COUNT channels
channels() { [ "$(nic_tool channels "$nic" ${2:+"$2"})" = "channels $1 of 2" ]; }

modprobe hv_netvsc
check "there is an interface" within 30 there
nic_up "$nic" 0
check "it has two channels" within 20 channels 2
say "two channels"
inbound "channel 0" "$nic" 1000 0
inbound "channel 1" "$nic" 1000 1
outbound "two channels" "$nic" 1000 60 1514
nic_tool spray $peer 64
say sprayed
hear counted

check "one, as ethtool -L does" channels 1 1
check "ping" within 10 answers
say "one channel"
hear closed
check "two again" channels 2 2
check "ping" within 10 answers
say "two again"
inbound "again" "$nic" 500 1
nic_down "$nic"
say "is down"

# once WHAT: check that the new NIC works with one channel
once() {
	check "$1: there is an interface" within 20 there
	nic_up "$nic" 0
	check "$1: ping" within 20 answers
	check "$1: it has one channel" one
	nic_down "$nic"
	say "has $1"
}
one() { nic_tool channels "$nic" | grep -q '^channels 1 of'; }
hear refused
once one
hear old
once "an old host"
hear finished
