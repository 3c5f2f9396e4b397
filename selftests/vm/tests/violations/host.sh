# SPDX-License-Identifier: GPL-2.0-only
quit="send-hex 7175697400000000"
violations=0
ignores() { ! vmbus_host device "send 8" sync >sent.out 2>&1 && grep 'the guest has broken the protocol' sent.out; }
# violates NAME WHAT COMMAND...: let the guest write one packet of 32 bytes, at
# the start of tx. The ring then has its write index, and the commands spoil the
# packet while the host does not look.
violates() {
	name=$1 what=$2
	shift 2
	violations=$((violations + 1))
	check "$what: the host notices" vmbus_host device "hold on" "send 8" "raw-wait tx 0 20000000" "$@" "hold off" \
		"wait-stat malformed $violations $violations"
	check "$what: the host ignores the channel" ignores
	watch device wait-close wait-open
	tell "$name"
	check "$what: the guest opens the device again" watched
}

vmbus_host device wait-open
# Byte 4096 is the first of the data; the header of a packet has its type, the
# offset of its payload, its length, both in units of 8 bytes, and its flags.
violates type "a packet of type 5" "raw-write tx 4096 0500"
# Type 9, a descriptor of 8 bytes, which says that no range follows
violates range "a packet that names guest memory, without a range" "raw-write tx 4096 09000300" "raw-write tx 4112 0000000000000000"
violates transfer "a packet with transfer pages, without a range" "raw-write tx 4096 0700"
violates length "a packet that is longer than what is in the ring" "raw-write tx 4100 ff00"
violates offset "a packet whose payload begins in its header" "raw-write tx 4098 0100"
violates flags "a packet with unknown flags" "raw-write tx 4102 0200"
violates index "a write index that is not a multiple of 8" "raw-write tx 0 03000000"
# Byte 8 of the header page. The host sets the mask when the guest's signal
# arrives, which may be after the packet.
violates mask "an interrupt mask that the guest has cleared" "raw-wait tx 8 01000000" "raw-write tx 8 00000000"
check "without a violation, messages come back" vmbus_host device "send 64 100" "echo 100" "$quit" wait-close
tell none

check "a message with a pipe's header comes back" vmbus_host fcopy wait-open "send-hex 01000000.08000000.0123456789abcdef" "expect-hex 01000000.08000000.0123456789abcdef"
check "a message without one is a violation" vmbus_host fcopy "send-hex 02000000.08000000.0123456789abcdef" sync "wait-stat malformed 1 1"
watch fcopy wait-close wait-open
tell pipe
check "a message without one: the guest opens the device again" watched

# 16384 bytes with the pipe's header, and 8 more
longest() { echo "01000000.$1.$(printf '%032752d' 0)$2"; }
check "a message of 16384 bytes comes back" vmbus_host fcopy "send-hex $(longest f83f0000)" "expect-hex 01000000.f83f0000"
check "a longer one is a violation" vmbus_host fcopy "send-hex $(longest 00400000 0000000000000000)" sync "wait-stat malformed 2 2"
watch fcopy wait-close wait-open
tell long
check "a longer one: the guest opens the device again" watched

# The guest sends the host's own message back, and a request is no answer.
check "an answer with the flags of a request: copy-vmfile names the fault" sh -c '"$@" 2>&1 | tee answer.out | grep -qx "copy-vmfile: negotiate: the answer.s flags are not transaction and response"' sh \
	"$bin/copy-vmfile" --timeout "$timeout" --generate 1:1 fcopy.sock
check "an answer with the flags of a request: the host counts it" vmbus_host fcopy "expect-stat malformed 3 3"
ignores_answers() { ! vmbus_host fcopy "send-hex 01000000.00000000" sync >sent.out 2>&1 && grep 'the guest has broken the protocol' sent.out; }
check "an answer with the flags of a request: the host ignores the channel" ignores_answers
watch fcopy wait-close wait-open
tell answer
check "an answer with the flags of a request: the guest opens the device again" watched
check "after it, messages come back" vmbus_host fcopy "send-hex 01000000.08000000.fedcba9876543210" "expect-hex 01000000.08000000.fedcba9876543210" "expect-stat malformed 3 3"
tell ended

# Bytes 12 to 15 of the header page are the room that the host waits for.
# The host may still expect two signals about earlier packets.
judged() { echo "wait-stat idle-signals $((needless + 8)) $((needless + 10))"; }
check "the host pretends to wait for room" vmbus_host device wait-open "raw-write rx 12 08000000"
needless=$(statistic device idle-signals)
tell "signal nobody"
guest_says "signalled nobody" || exit 1
check "needless signals count while no program plays the host" vmbus_host device "$(judged)"
needless=$(statistic device idle-signals)
watch device "hold on" "sleep 8000" "$(judged)" "raw-write rx 12 00000000" "hold off" "send 64 10" "echo 10" "$quit"
tell "signal held"
check "needless signals count while the host holds its program" watched
