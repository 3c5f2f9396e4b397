# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
nic_start nic other
guest_says sending || exit 1
closed=$(nic_counter closes)
tell kill
guest_says killed || exit 1
check "the host sees the session end" nic wait closes $((closed + 1)) 10
pmd_towards "after kill -9" 3000
pmd_towards "as a user" 3000
tell rescind
guest_says "forwards until the rescind" || exit 1
check "rescind" nic rescind 50
nic offer
tell offered
pmd_towards "after the rescind" 3000
pmd_returned
tell finished
