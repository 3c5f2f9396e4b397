# SPDX-License-Identifier: GPL-2.0-only
nic_start nic other
guest_says "sends until it is killed" || exit 1
closed=$(nic_counter closes)
sent=$(nic_counter from_guest)
tell send
guest_says killed || exit 1
check "the host sees the session end" within 10 nic expect closes $((closed + 1))
check "the guest was sending until then" nic expect from_guest $((sent + 1000))
pmd_towards "after kill -9" 3000
pmd_towards "as a user" 3000
guest_says "sends until the rescind" || exit 1
sent=$(nic_counter from_guest)
nic rescind 2000
tell rescind
check "rescind, when the guest has sent 2000 packets" within 240 nic_is 0 held
check "they brought frames" nic expect from_guest $((sent + 1000))
nic_offer
tell offered
pmd_towards "after the rescind" 3000
pmd_returned
tell finished
