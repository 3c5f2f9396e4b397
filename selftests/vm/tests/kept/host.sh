# SPDX-License-Identifier: GPL-2.0-only
guest_says closed || exit 1
check "for the host the channel is open, and the memory shared" vmbus_host device "expect-stat gpadls 1 1"
tell looked
guest_says cancelled || exit 1
watch device wait-reset wait-offered
tell sleep
check "the guest leaves the VMBus, and takes the offer again" watched
guest_says unbound || exit 1
check "the host takes the device back" vmbus_host device rescind wait-released offer wait-offered
tell offered
