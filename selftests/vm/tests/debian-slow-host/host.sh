# SPDX-License-Identifier: GPL-2.0-only
guest_says "it stops slowly" || exit 1
check "one more cycle" cycle fcopy 1
tell "cycled once"
# Make the host slow, to test the time limits of systemd and udev.
vmbus_host fcopy "delay open 1000" "delay close 4000"
tell slow
guest_says restarted || exit 1
vmbus_host fcopy "delay open 5" "delay close 10"
tell fast
guest_says "NIC is awaited" || exit 1
# nic_held: offer a NIC, and hold the first of its buffers when the guest shares
# it
nic_held() { vmbus_host nic "gpadls hold" offer wait-offered "wait-stat gpadls 1 1"; }
check "the guest shares a buffer of a NIC that it is offered" nic_held
tell "NIC offered"
guest_says "udev waits" || exit 1
vmbus_host nic "sleep 14000" "gpadls answer"
tell "NIC accepted"
guest_says "NIC bound" || exit 1
vmbus_host nic rescind wait-released
vmbus_host fcopy "delay close 4000"
tell "slow again"
