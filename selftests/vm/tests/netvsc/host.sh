# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh

# same NAME STREAM COUNT: what the guest says that it has sent is what the host has
same() {
	sent=$(guest_says "sent $1 " | sed "s/^sent $1 //")
	nic wait numbered "$3" >/dev/null
	check "$1: all frames of the guest arrive as they were sent: $sent" test "$sent" = "$(nic sink "$2")"
	check "$1: and in their order" nic expect misordered 0 0
	nic sink reset
}

# towards NAME COUNT MIN MAX CHANNEL: what the host has sent is what the guest says that it has
towards() {
	name=$1
	shift
	guest_says "receives $name" >/dev/null || return
	made=$(nic generate "$@")
	got=$(guest_says "received $name " | sed "s/^received $name //")
	check "$name: all frames of the host arrive as they were sent: $got" test "$got" = "$made"
}

nic_start nic other
guest_says "pinged" || exit 1
check "the host has answered the pings" nic expect echo_replies 20
nic capture off

same "MTU 1500" 1 3000
check "in sections of the send buffer" nic expect section_messages 1000
check "and in pages of the guest" nic expect memory_messages 20
towards "MTU 1500" 3000 60 1514
check "several frames in a packet" nic expect multi_transfers 100
same "MTU 4000" 1 400
towards "MTU 4000" 400 60 4014
check "a new session for each MTU" nic expect sessions 3 3
check "each revoked both buffers and halted" nic expect halts 2 2

guest_says "two channels" || exit 1
check "the guest asked for sub-channels" nic expect subs_granted 2 5
check "the second channel is open" nic wait-open 1
towards "channel 1" 500 60 1514 1
guest_says sprayed || exit 1
nic status >status
check "the guest sends on both: $(sed -n 's/^channel //p' status | tr '\n' ';')" \
	sh -c '! grep -q "^channel . open from 0 " status'

check "the host pings the guest" nic ping 10.55.0.2 20 1000
nic link down
guest_says "carrier off" || exit 1
nic link up
guest_says "carrier on" || exit 1

nic bridge on
tell bridge
guest_says bridged || exit 1
check "tagged frames went through" nic expect vlan_frames 300 300
nic bridge off

nic rescind
tell rescinded
guest_says gone || exit 1
nic offer
tell offered
for version in 0x50000 0x40000 0x30002 2; do
	guest_says "answered $version" || exit 1
	nic newest $version
	nic rescind
	nic offer
	tell $version
done
guest_says "answered the last" || exit 1
check "an old host has one channel" nic expect subs_asked 0 99
check "the guest gave back every frame and refused none" nic expect refused 0 0
nic status
check "the guest has broken no rule" nic expect complaints 0 0
check "nor with the other NIC" nic 1 expect complaints 0 0
tell finished
