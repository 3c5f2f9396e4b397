# SPDX-License-Identifier: GPL-2.0-only
sees() {
	vmbus_host device status >status.out && cat status.out &&
		[ "$(grep -c " open .*tx $1 rx $1\$" status.out)" = "$2" ]
}

size=$(guest_says "large ") || exit 1
size=${size#large }
check "the guest opens it, with sub-channels" vmbus_host device wait-open "offer-sub 2" "channel 1" wait-open "channel 2" wait-open
check "the host sees three channels with rings of the class's size" sees "$size" 3
tell large
guest_says "large seen" || exit 1
check "messages that only such a ring can hold" vmbus_host device "send 500000 6" "echo 6"
vmbus_host device "send-hex 7175697400000000" wait-close

size=$(guest_says "small ") || exit 1
size=${size#small }
check "the guest opens it again, with sub-channels" vmbus_host device wait-open "offer-sub 2" "channel 1" wait-open "channel 2" wait-open
check "the host sees three small channels" sees "$size" 3
tell small
guest_says "small seen" || exit 1
check "messages through a small ring" vmbus_host device "send 2000 200" "echo 200"
# too_large: send one byte more than a ring holds. With pages of 64 KiB the
# packet is longer than an argument may be.
too_large() {
	local said
	said=$({ printf 'send-hex ' && head -c $((2 * (size - 4096) + 8)) /dev/zero | tr '\0' 0; } |
		"$bin/vmbus-host" device.sock 2>&1 | tail -c 100) || true
	echo "$said" | grep 'failed: '
}
check "none that it cannot hold" too_large
vmbus_host device "send-hex 7175697400000000" wait-close

guest_says counting || exit 1
# These are the indices.
check "the host has put no packet into a ring since the open" vmbus_host device "raw-expect rx 0 0000000000000000" "raw-expect tx 0 0000000000000000"
interrupts=$(statistic device interrupts) hypercalls=$(statistic device hypercalls)
for n in 1 2 3 4 5; do
	vmbus_host device signal
	guest_says "event $n" || exit 1
done
check "five interrupts, as the guest has counted" test "$(($(statistic device interrupts) - interrupts))" = 5
guest_says signalled || exit 1
check "writes that only clear or set the mask signal nothing" test "$(statistic device hypercalls)" = "$hypercalls"

said=$(guest_says buffers) || exit 1
# shellcheck disable=SC2086 # buffers, and the handle and the size of the receive buffer and of the send buffer
set -- $said
no_gpadl() { ! vmbus_host nic "raw-expect $1 $2 00"; }
check "the host sees the receive buffer, to its last byte" vmbus_host nic "raw-expect $2 $(($3 - 4)) 00000000"
check "and the send buffer" vmbus_host nic "raw-expect $4 $(($5 - 4)) 00000000"
check "nothing behind the receive buffer" no_gpadl "$2" "$3"
check "nothing behind the send buffer" no_gpadl "$4" "$5"
tell seen
