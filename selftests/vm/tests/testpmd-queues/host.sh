# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
nic_start nic other
pmd_towards "four queues" 500 4
check "the guest asked for three sub-channels" nic expect subs_granted 3 3
# The host grants them, and offers them two seconds later.
guest_says "asks for late sub-channels" || exit 1
nic hold-subs on
tell held
nic wait subs_granted 6 300
sleep 2
nic hold-subs off
pmd_towards "late sub-channels" 500 4
pmd_towards "one queue" 2000
check "and for no more" nic expect subs_granted 6 6

guest_says "two NICs" || exit 1
nic sink reset
nic_cross "two NICs" 2000
tell "two NICs done"
nic_judged
check "nor with the other NIC" nic 1 expect complaints 0 0
tell finished
