# SPDX-License-Identifier: GPL-2.0-only
quit="send-hex 7175697400000000"
tell begin
guest_says looping || exit 1
# round N ORDER MS: rescind a device with open sub-channels in this order, with
# pauses, and offer it again at once. Then a session with sub-channels ends, and
# the host rescinds them with pauses that are ten times as long, so that the
# next session begins meanwhile, also on a slow machine. All sub-channels are
# open first, and the guest has the host's answers: the VMBus of Linux 5.10 does
# not survive the rescind of a primary channel while one of its sub-channels is
# being offered, and the module cannot remove one that is being opened.
round() {
	check "$2, $3 ms between them" vmbus_host device wait-open "delay open 0" "order $2" "delay rescind $3" "offer-sub 4" \
		"channel 4" wait-open "channel 1" wait-open "channel 2" wait-open "channel 3" wait-open "channel 0" "send 64 100" "echo 100" \
		rescind wait-released offer wait-open "send 64 100" "echo 100" "delay rescind $((10 * $3))" "offer-sub 3" "channel 3" wait-open "channel 0" \
		"$quit" "expect-hex 71756974" wait-close wait-open "send 64 50" "echo 50" \
		"channel 1" wait-released "channel 2" wait-released "channel 3" wait-released
	tell "round $1"
	guest_says "bound $1" || exit 1
}
watch other wait-open "send 64 60000" "echo 60000"
round 1 forward 0
round 2 any 0
round 3 primary-first 0
round 4 reverse 0
round 5 forward 300
round 6 any 300
round 7 primary-first 300
round 8 reverse 300
check "the other device loses no message meanwhile" watched
watch other "send 1000 20000" "echo 20000"
tell unbind
guest_says unbound || exit 1
check "nor while the first is unbound and bound" watched
tell end
guest_says ending || exit 1
for device in device other; do vmbus_host "$device" "timeout 5" "delay rescind 0" wait-open "$quit" wait-close; done
before=$(guest_says 'relids [0-9]') || exit 1
# The device that is offered first gets the lower number.
case $before in
"relids 1 2") order="other device" ;;
*) order="device other" ;;
esac
vmbus_host device rescind wait-released
vmbus_host other rescind wait-released
for device in $order; do vmbus_host "$device" offer wait-offered; done
tell swapped
after=$(guest_says 'relids again') || exit 1
numbers=${before#relids }
check "relids $numbers are now ${after#relids again }" test "${after#relids again }" = "${numbers#* } ${numbers% *}"
