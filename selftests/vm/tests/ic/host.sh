# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
host() { vmbus_host heartbeat "$@"; }

# message PIPE_SIZE TYPE SIZE ID FLAGS BODY: print a message in the layout of
# the wire, all in hex
message() { echo "01000000.${1}000000.03000000.${2}00.03000000.${3}00.00000000.$4.$5.0000.$6"; }

# negotiate ID: the host lists versions in ascending order, and the guest must
# choose 3.0 for both kinds.
offers=02000200.00000000.01000000.03000000.01000000.03000000
agreed=01000100.00000000.03000000.03000000
negotiate() {
	host wait-open "send-hex $(message 2c 00 18 "$1" 03 $offers)" \
		"expect-hex $(message 2c 00 10 "$1" 05 $agreed)"
}

# beat NUMBER NEXT: check that the answer has the same bytes, other flags, and
# the next number
rest=0000000000000000000000000000000000000000000000000000000000000000
beat() {
	host "send-hex $(message 3c 01 28 "$1" 03 "${1}00000000000000.$rest")" \
		"expect-hex $(message 3c 01 28 "$1" 05 "${2}00000000000000.$rest")"
}
again() { negotiate "$1" && beat "$2" "$3"; }

guest_says served || exit 1
check "the guest negotiates" negotiate 41
beats() { beat 01 02 && beat 02 03 && beat fe ff; }
check "and answers beats" beats
# Send a packet whose length of 8 bytes is less than its own header, one that is
# too short for a message, and a completion.
check "what is no message gets no answer" host "packet-raw 06000200010000000000000000000000" "none 300" \
	"send 8" "send 100 1 11" "none 300"
check "the next beat is answered" beat 10 11
# Send a heartbeat without its body.
check "a short beat is refused" host "send-hex $(message 14 01 00 42 03 '')" \
	"expect-hex 01000000.14000000.03000000.0100.03000000.0000.57000780.42.05.0000"
check "another type is refused" host "send-hex $(message 14 05 00 43 03 '')" \
	"expect-hex 01000000.14000000.03000000.0500.03000000.0000.32000780.43.05.0000"
check "the guest negotiates at any time" again 44 20 21
burst() {
	host "hold on" "send-hex $(message 3c 01 28 51 03 "5100000000000000.$rest")" \
		"send-hex $(message 3c 01 28 52 03 "5200000000000000.$rest")" "hold off" \
		"expect-hex $(message 3c 01 28 51 05 "5200000000000000.$rest")" \
		"expect-hex $(message 3c 01 28 52 05 "5300000000000000.$rest")"
}
check "two at once are answered in their order" burst
tell answered

host rescind wait-released
tell rescinded
guest_says waits || exit 1
host offer wait-offered
guest_says offered || exit 1
check "it answers on the next offer" again 45 30 31
tell "beat 1"
guest_says bound || exit 1
check "it answers after an unbind" again 46 31 32
tell "beat 2"

watch heartbeat wait-reset wait-offered
tell "sleep 1"
check "the guest leaves the VMBus, and takes the offer again" watched
guest_says awake || exit 1
check "it answers after a hibernation" again 47 32 33
host withhold
watch heartbeat wait-reset
tell "sleep 2"
check "the guest leaves the VMBus once more" watched
guest_says withheld || exit 1
host offer wait-offered
guest_says late || exit 1
check "it answers on the late offer" again 48 33 34
tell "beat 4"
