# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
nic_start nic other
pmd_towards "four queues" 500 4
check "the guest asked for three sub-channels" nic expect subs_granted 3 3
pmd_towards "one queue" 2000
check "and for no more" nic expect subs_granted 3 3

# Both directions at once
guest_says "two NICs" || exit 1
nic sink reset
nic 1 generate 2000 60 1514 0 2 >made-by-other &
made=$(nic generate 2000 60 1514 0 1)
wait $!
nic 1 wait numbered 2000 60 >/dev/null
nic wait numbered 2000 60 >/dev/null
check "two NICs: every frame of the first leaves by the second: $made" test "$(nic 1 sink 1)" = "$made"
check "two NICs: and the other way: $(cat made-by-other)" test "$(nic sink 2)" = "$(cat made-by-other)"
tell "two NICs done"
nic status >status
note "$(tr '\n' ' ' <status)"
check "the guest has broken no rule" nic expect complaints 0 0
check "nor with the other NIC" nic 1 expect complaints 0 0
tell finished
