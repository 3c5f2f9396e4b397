# SPDX-License-Identifier: GPL-2.0-only
# Bytes near the end of the header and of the ring
places="2040 20472"
# at_places COMMAND HEX: run the command with these bytes at each place of both
# rings
at_places() {
	command=$1 hex=$2
	set --
	for place in $places; do set -- "$@" "$command tx $place $hex" "$command rx $place $hex"; done
	vmbus_host fcopy "$@"
}

guest_says first || exit 1
check "the guest has opened the fcopy device" vmbus_host fcopy wait-open
check "the host leaves bytes in its rings" at_places raw-write 6c65667468657265
tell written
guest_says "still open" || exit 1
check "another open, while there is one, leaves them alone" at_places raw-expect 6c65667468657265
tell seen
guest_says closed || exit 1
check "the guest has closed it" vmbus_host fcopy wait-close
tell "open again"
guest_says second || exit 1
cleared() { vmbus_host fcopy wait-open && at_places raw-expect 0000000000000000; }
check "the next program finds the rings cleared" cleared
tell finished
