# SPDX-License-Identifier: GPL-2.0-only

# subs: offer the sub-channels that the guest requests, and exchange a packet on
# each
subs() {
	set -- "expect-hex 04" "offer-sub 3"
	for sub in 1 2 3; do
		set -- "$@" "channel $sub" wait-open "expect-hex 2$sub" "send-hex 3$sub"
	done
	set -- "$@" "channel 0"
	printf '%s\n' "$@"
}

# conversation: print the host's commands for each session of the guest
conversation() {
	printf '%s\n' "send-hex 10"
	# Check the bytes at the start of the first ring, behind its header.
	printf '%s\n' "expect-hex 01" "raw-expect tx 4096 0600020003000000.0100000000000000.0100000000000000" "send-hex 11"
	printf '%s\n' "expect-hex 02" "send-hex 12"
	printf '%s\n' "expect-hex 03" "sleep 500" "send-hex 13"
	subs
	printf '%s\n' status
	printf '%s\n' "expect-hex 05" "send-hex 15" "expect-hex 06" "send-hex 16" wait-close
	printf '%s\n' wait-open
	subs
	printf '%s\n' wait-close
	printf '%s\n' wait-open "expect-hex 07" rescind wait-released
}

# channels FILE: print the relid of each open channel and the size of its rings
channels() { sed -n 's/^channel [0-9]* relid \([0-9]*\) offered open.* tx \([0-9]*\) rx \([0-9]*\)$/\1 \2 \3/p' "$1" | while read -r relid tx rx; do printf ' %s:%s' "$relid" $((tx + rx)); done; }
opens() { sed -n 's/^event \(opened\|closed\) channel 0 at .*/\1/p' "$1" | tr '\n' ' '; }

for device in monitored plain; do
	handles=$(guest_says "$device handles") || exit 1
	# shellcheck disable=SC2086 # words
	set -- $handles
	check "$device: point 10: GPADL $3 is the receive buffer, GPADL $5 the send buffer" vmbus_host $device wait-open \
		"raw-expect $5 0 75696f2d73656e64" "raw-expect $5 $6 646e65732d6f6975" \
		"raw-write $3 0 686f73742d726376" "raw-write $3 $4 7663722d74736f68"
	conversation >$device.script
	# shellcheck disable=SC2094 # vmbus_host's output, not its script
	check "$device: the host's part of all points" vmbus_host $device -v <$device.script
	mv check.out $device.out
	said=$(guest_says "$device channels")
	said=${said#"$device channels"}
	check "$device: points 5, 24, 25: relids and ring sizes are the host's:$said" test "$said" = "$(channels $device.out)"
	check "$device: points 12, 29: open from the first open to the last close of each session: $(opens $device.out)" \
		test "$(opens $device.out)" = "closed opened closed opened closed "
	case $device in
	monitored) set -- "expect-stat monitor-signals 1" "expect-stat hypercalls 0 0" ;;
	plain) set -- "expect-stat hypercalls 1" "expect-stat monitor-signals 0 0" ;;
	esac
	check "$device: point 17: signalled by $([ $device = plain ] && echo hypercall || echo monitor) alone" vmbus_host $device "$@"
done
tell checked
