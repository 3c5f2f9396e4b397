# SPDX-License-Identifier: GPL-2.0-only
subs="wait-open;offer-sub 2;channel 1;wait-open;channel 2;wait-open"
# host DEVICE COMMANDS: run commands, with ";" between them
host() { echo "$2" | tr ';' '\n' | vmbus_host "$1"; }

taken=''
for channel in 0 1 2; do taken="$taken;channel $channel;expect-hex 2a;expect-stat hypercalls 1 1"; done
check "the host takes a packet from each channel, after one hypercall for each" host device "$subs$taken;channel 0;wait-close"
check "monitored channels open" host device2 "$subs"
guest_says over || exit 1
check "and the guest has made no hypercall for them" host device2 "channel 0;wait-close;expect-stat hypercalls 0 0"
tell finished
