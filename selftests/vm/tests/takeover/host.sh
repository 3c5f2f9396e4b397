# SPDX-License-Identifier: GPL-2.0-only
# This is the negotiation of a utility device, with version 3.0 of frame and
# message. The guest answers with the same header and flags 5.
frame=01000000.24000000.03000000.0000.03000000.1000.00000000
versions=01000100.00000000.03000000.03000000
negotiated() {
	vmbus_host heartbeat wait-open "send-hex $frame.05.03.0000.$versions" "expect-hex $frame.05.05"
}

guest_says open || exit 1
check "ours has both open" sh -c "'$bin/vmbus-host' heartbeat.sock wait-open 'expect-stat gpadls 1 1' && '$bin/vmbus-host' nic.sock wait-open 'expect-stat gpadls 3 3'"
tell "hand over"
guest_says utils || exit 1
check "the heartbeat driver answers the host" negotiated

# Refuse all versions of the protocol that hv_netvsc offers.
rest=000000000000000000000000000000000000000000000000
set --
for _ in 1 2 3 4 5 6; do set -- "$@" "expect-hex 01000000" "complete 02000000.00000000.00000000.02000000.$rest"; done
watch nic wait-close wait-open "expect-stat gpadls 1 1" "$@" wait-close
tell "the NIC"
check "the NIC's driver asks for each version of its protocol" watched
guest_says gone || exit 1
check "the device is taken back and offered, with the module gone" vmbus_host heartbeat rescind wait-released offer wait-offered
tell offered
guest_says "utils again" || exit 1
check "the heartbeat driver answers again" negotiated
tell finished
