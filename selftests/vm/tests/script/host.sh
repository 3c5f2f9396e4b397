# SPDX-License-Identifier: GPL-2.0-only
host() { vmbus_host device "$@"; }

check "the guest opens it, and gets no interrupt without a packet" host wait-open "sleep 300" "expect-stat interrupts 0 0"
for size in 0 8 64 1000 4096 16000; do
	check "200 messages of $size bytes come back as they went" host "send $size 200" "echo 200"
done
check "a burst of 20000 comes back, none lost, none doubled" host "send 64 20000" "echo 20000" "none 300" "expect-stat malformed 0 0"
check "neither the guest signals for each message, nor the host" host "expect-stat hypercalls 1 12000" "expect-stat interrupts 1 12000" \
	"expect-stat monitor-signals 0 0"
check "a guest that waits for room goes on when the host reads" host "hold on" "send 4096 40" "sleep 500" "hold off" "echo 40"
check "the guest's ring says that it wants flow control" host "raw-expect tx 64 01000000"
check "sub-channels on demand" host "offer-sub 2" "channel 2" wait-open
tell sub-channels
guest_says rings || exit 1
# Send a packet whose length of 8 bytes is less than its own header.
check "a packet with an impossible length is left behind" host "packet-raw 06000200010000000000000000000000" "none 300" "send 32 10" "echo 10"
host "send-hex 7175697400000000" wait-close
tell end
check "the guest opens it again" host wait-open
check "and the host writes an impossible index" host "raw-write rx 0 ff083d00" signal wait-close
tell lie

check "rescind, and a monitored offer" host rescind wait-released "monitored on" offer
tell monitored
check "messages through a monitored channel" host wait-open "send 64 1000" "echo 1000" "expect-stat monitor-signals 1"
host rescind wait-released
tell rescinded
