# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh

# pcap_frames: how many frames nic.pcap has; a header of 24 bytes, then 16 before each frame, of which the third four are its length
pcap_frames() {
	at=24 frames=0
	while [ "$at" -lt "$(wc -c <nic.pcap)" ]; do
		at=$((at + 16 + $(tail -c +$((at + 9)) nic.pcap | head -c 4 | od -An -tu4)))
		frames=$((frames + 1))
	done
	[ "$at" = "$(wc -c <nic.pcap)" ] && echo $frames
}

nic_start nic other
nic capture nic.pcap 128
guest_says pinged || exit 1
check "the host has answered the pings" nic expect echo_replies 20
captured=$(nic capture off)
check "the pcap file has all of them: $captured" test "$(pcap_frames)" = "${captured#frames }"
check "and at least the pings" test "${captured#frames }" -ge 40

nic_same "MTU 1500" 3000
check "in sections of the send buffer" nic expect section_messages 1000
check "and in pages of the guest" nic expect memory_messages 20
nic_towards "MTU 1500" 3000 60 1514
check "several frames in a packet" nic expect multi_transfers 100
nic_same "MTU 4000" 400
nic_towards "MTU 4000" 400 60 4014
guest_says "MTU 1500 again" || exit 1
check "a session for each MTU" nic expect sessions 3 3
check "each but the last halted" nic expect halts 2 2
check "and revoked both buffers" nic expect revokes 4 4
check "the host pings the guest" nic ping 10.55.0.2 20 1000

nic link down
guest_says "carrier off" || exit 1
nic link up
guest_says "carrier on" || exit 1

nic bridge on
tell bridge
guest_says bridged || exit 1
check "their tags were apart from the frames" nic expect vlan_frames 300 300
nic bridge off

nic rescind
tell rescinded
guest_says gone || exit 1
nic offer
tell offered
guest_says "has the new NIC" || exit 1
for version in 0x50000 0x40000 0x30002 2; do
	nic newest $version
	nic rescind
	nic offer
	tell "version $version"
	guest_says "has version $version" || exit 1
done
check "the host refused newer versions" nic expect refused_versions 14 14
check "on one processor the guest wants one channel" nic expect subs_asked 0 0
check "it gave back every frame and refused none" nic expect refused 0 0
nic status
check "the guest has broken no rule" nic expect complaints 0 0
check "nor with the other NIC" nic 1 expect complaints 0 0
tell finished
