# SPDX-License-Identifier: GPL-2.0-only

nic_start nic other
guest_says pinged || exit 1
check "the host has answered the pings" nic expect echo_replies 20

nic_same "MTU 1500" 2000
check "in sections of the send buffer" nic expect section_messages 500
# The number depends on the kernel: it is 10 before 6.12.
check "and in pages of the guest" nic expect memory_messages 10
nic_towards "MTU 1500" 2000 60 1514
check "several frames in a packet" nic expect multi_transfers 100
nic_same "MTU 4000" 400
nic_towards "MTU 4000" 400 60 4014
guest_says "MTU 1500 again" || exit 1
check "a session for each MTU" nic expect sessions 3 3
check "each but the last halted" nic expect halts 2 2
# The guest does not wait for answers to these, and may close the channel before
# the host has read them.
check "and revoked no more than both buffers of each" nic expect revokes 0 4
check "the host pings the guest" nic_ping 20 1000

nic vf 7
check "and after it has named a virtual function" nic_ping 20 1000
nic vf 0
check "and after it has taken that back" nic_ping 20 1000

nic link off
guest_says "carrier off" || exit 1
nic link on
guest_says "carrier on" || exit 1

nic bridge on
tell bridge
guest_says bridged || exit 1
check "their tags were apart from the frames" nic expect vlan_frames 300 300
nic bridge off

nic_rescind
tell rescinded
guest_says gone || exit 1
nic_offer
tell offered
guest_says "has the new NIC" || exit 1
for version in 0x50000 0x40000 0x30002 2; do
	nic newest $version
	nic_rescind
	nic_offer
	tell "version $version"
	guest_says "has version $version" || exit 1
done
check "the host refused newer versions" nic expect refused_versions 14 14
check "on one processor the guest wants one channel" nic expect subs_asked 0 0
check "it gave back every frame and refused none" nic expect refused 0 0
nic_judged
tell finished
