# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh

# conversation: print the commands for one host program. When a program ends, it
# forgets which packets it has sent, and the device ends a "hold".
conversation() {
	printf '%s\n' wait-open "hold on" "send 64 96" sync "send-hex 10" "expect-stat interrupts 1 3"
	guest_says bursts >/dev/null || return
	printf '%s\n' "expect-stat packets-from-guest 0 0" "expect-stat hypercalls 1 1" "hold off" "echo 96 xid" "print bursts done"

	printf '%s\n' "send 100 300" "echo 300 xid" "none 100" "print building done"

	printf '%s\n' "hold on" "send-hex 30"
	full=$(guest_says full) || return
	# The word at 12 is pending_send_sz, and must be the size of a packet,
	# which is 1024.
	printf '%s\n' "raw-expect tx 12 00040000" "hold off" "expect $((${full#full } + 50))" "send-hex 31" "expect-hex 32"
	printf '%s\n' "raw-expect tx 12 00000000" "print full to the host done"

	printf '%s\n' "send 1000 60" sync "expect-stat full 1" "echo 60 xid" "print full to the guest done"

	# The host sends before it answers the open of a sub-channel.
	printf '%s\n' "expect-hex 50" "delay open 3000" "offer-sub 2"
	for sub in 1 2; do
		printf '%s\n' "channel $sub" wait-open "send 64 20" sync "expect-stat early-packets 20 20" "expect-stat early-interrupts 1 1"
	done
	for sub in 1 2; do
		printf '%s\n' "channel $sub" "expect-hex 5$sub" "echo 20 xid" "send-hex 5a"
	done
	printf '%s\n' "delay open 5" status "print sub-channels done"

	printf '%s\n' "channel 0" "expect-hex 60" "expect-stat malformed 0 0" "expect-stat dropped 0 0" rescind wait-released "print rescind done"
	# Send a packet whose length of 8 bytes is less than its own header, and
	# then an index that is no multiple of 8.
	printf '%s\n' offer wait-open "packet-raw 06000200010000000000000000000000" "expect-hex 61" "set-index rx write 3" wait-close "print errors done"
}

conversation | vmbus_host device >host.out 2>&1
relids() { sed -n 's/^channel [0-9]* relid \([0-9]*\) .*/\1/p' host.out | tr '\n' ' '; }
said() { guest_says relids | sed 's/^relids //'; }

check "bursts: the host read nothing, was signalled once, and then had all packets back" grep -q '^bursts done$' host.out
check "packets built in the ring came whole and in order" grep -q '^building done$' host.out
check "a full ring: the wish for 1024 bytes stood in the header, and not after" grep -q '^full to the host done$' host.out
check "the guest's full ring made the host wait, and all came in the end, and back" grep -q '^full to the guest done$' host.out
check "sub-channels: packets in both directions, some before the host has answered the open" grep -q '^sub-channels done$' host.out
check "their relids are the host's: $(relids)" test "$(said) " = "$(relids)"
check "rescind: the guest let go of it, no packet was wrong, none was lost" grep -q '^rescind done$' host.out
check "the guest closed a channel with an impossible index" grep -q '^errors done$' host.out
grep -q '^errors done$' host.out || while read -r line; do note "$line"; done <host.out
