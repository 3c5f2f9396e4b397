# SPDX-License-Identifier: GPL-2.0-only
host() { vmbus_host device "$@"; }

check "the guest opens it, and messages come back" host wait-open "send 64 1000" "echo 1000"
check "sub-channels on demand" host "offer-sub 2" "channel 2" wait-open
# VMBus has not seen the last sub-channel go since it came up.
host "delay rescind 3000"
watch device wait-reset wait-offered
tell "sleep open"
check "the guest leaves the VMBus, and takes the offer again" watched
guest_says "awake open" || exit 1
host "delay rescind 0"
watch device wait-reset wait-offered
tell "sleep closed"
check "and again" watched
check "messages come back after two sleeps" host wait-open "send 64 1000" "echo 1000"
check "sub-channels are opened" host "offer-sub 2" "channel 2" wait-open
host "send-hex 7175697400000000" wait-close
check "sub-channels once more" host wait-open "offer-sub 2" "channel 2" wait-open "channel 1" wait-open
host "delay rescind 3000"
watch device wait-reset wait-offered
tell "sleep slow"
check "the guest leaves the VMBus, and takes the offer once more" watched
guest_says "awake slow" || exit 1
host "delay rescind 0"
host withhold
vmbus_host nic withhold
watch device wait-reset
tell "sleep withheld"
check "the guest leaves the VMBus once more" watched
guest_says withheld || exit 1
check "the host offers the device after all" host offer wait-offered
check "and the NIC" vmbus_host nic offer wait-offered
tell offered
host "delay unload 50000"
tell "sleep unload"
guest_says "awake unload"
