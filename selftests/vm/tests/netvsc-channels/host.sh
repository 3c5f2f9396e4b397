# SPDX-License-Identifier: GPL-2.0-only
nic_start nic
guest_says "two channels" || exit 1
check "the guest asked for a sub-channel" nic expect subs_granted 1 1
check "it is open" within 120 nic_is 1 open
nic_towards "channel 0" 1000 60 1514 0
nic_towards "channel 1" 1000 60 1514 1
nic_same "two channels" 1000
guest_says sprayed || exit 1
# shellcheck disable=SC2094
nic status >status
check "the guest sends on both: $(sed -n 's/^channel //p' status | tr '\n' ';')" \
	sh -c 'grep -q "^channel 1 offered open" status && ! grep -q "open from 0 " status'
tell counted

guest_says "one channel" || exit 1
check "the sub-channel is closed" within 120 nic_is 1 closed
tell closed
guest_says "two again" || exit 1
check "it is open again" within 120 nic_is 1 open
check "there was a session for each" nic expect sessions 3 3
nic_towards "again" 500 60 1514 1

guest_says "is down" || exit 1
nic refuse-subs on
nic_rescind
nic_offer
tell refused
guest_says "has one" || exit 1
check "the guest had asked" nic expect subs_asked 3 3
check "and got none" nic expect subs_granted 2 2
nic newest 0x40000
nic_rescind
nic_offer
tell old
guest_says "has an old host" || exit 1
check "NVSP version 4 has no sub-channels" nic expect subs_asked 3 3
check "the guest gave back every frame and refused none" nic expect refused 0 0
nic_judged
tell finished
