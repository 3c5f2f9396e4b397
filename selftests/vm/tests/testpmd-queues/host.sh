# SPDX-License-Identifier: GPL-2.0-only
nic_start nic other
pmd_towards "four queues" 500 4
check "the guest asked for three sub-channels" nic expect subs_granted 3 3
# The host grants the sub-channels, and offers them two seconds later.
guest_says "asks for late sub-channels" || exit 1
nic hold-subs on
tell held
within 300 nic expect subs_granted 6
sleep 2
nic hold-subs off
pmd_towards "late sub-channels" 500 4
pmd_towards "one queue" 2000
check "and for no more" nic expect subs_granted 6 6

guest_says "two NICs" || exit 1
nic sink reset
nic 1 sink reset
# Both NICs send at once, and testpmd drops a frame if there is no room to send
# it. The host must get as many frames as testpmd reports.
nic_generate 1 2000 60 1514 0 2 >made-by-second &
made=$(nic_generate 0 2000 60 1514 0 1)
wait $!
check "two NICs: the guest takes all frames of both" test -n "$made" -a -s made-by-second
# testpmd counts a frame when the host has completed it.
within 10 nic expect numbered 2000 >/dev/null
within 10 nic 1 expect numbered 2000 >/dev/null
tell "two NICs done"
forwarded=$(guest_says "forwarded two NICs: ") || exit 1
# DPDK finds the NICs in any order.
ascending() { printf '%s\n' "$@" | sort -n | tr '\n' ' '; }
# shellcheck disable=SC2086 # two numbers
counted=$(ascending ${forwarded##*: })
got=$(ascending "$(nic sink 2 | cut -d ' ' -f 2)" "$(nic 1 sink 1 | cut -d ' ' -f 2)")
check "two NICs: the host gets what testpmd has sent by each, ${counted}of 2000" test "$got" = "$counted" -a "${counted%% *}" -gt 100
nic_judged
tell finished
