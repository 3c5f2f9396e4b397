# SPDX-License-Identifier: GPL-2.0-only
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
beats() { beat 01 02 && beat fe ff; }
check "and answers beats" beats
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

watch heartbeat wait-reset wait-offered
tell sleep
check "the guest leaves the VMBus, and takes the offer again" watched
guest_says awake || exit 1
check "it answers after a hibernation" again 47 32 33
tell "beat 2"
