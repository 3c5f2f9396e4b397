# SPDX-License-Identifier: GPL-2.0-only
quit="send-hex 7175697400000000"
tell begin
guest_says looping || exit 1
# in_order ORDER CHANNEL...: whether the host has rescinded the channels in this
# order, first those of the device that it took back, and then the sub-channels
# of the session that ended
in_order() {
	how=$1
	rescinded=$(sed -n 's/^event rescinded channel \([0-9]*\) .*/\1/p' round.out | tr '\n' ' ')
	echo "rescinded: $rescinded"
	case $how in
	forward) [ "$rescinded" = "1 2 3 4 0 1 2 3 " ] ;;
	reverse) [ "$rescinded" = "4 3 2 1 0 3 2 1 " ] ;;
	primary-first) [ "$rescinded" = "0 1 2 3 4 1 2 3 " ] ;;
	any)
		# The primary channel is the last of its device.
		# shellcheck disable=SC2086 # words
		set -- $rescinded
		[ $# = 8 ] && [ "$5" = 0 ] && [ "$(printf '%s\n' "$1" "$2" "$3" "$4" | sort | tr -d '\n')" = 1234 ] &&
			[ "$(printf '%s\n' "$6" "$7" "$8" | sort | tr -d '\n')" = 123 ]
		;;
	esac
}
# paused MS SUB_MS: whether the host has kept the pauses between the rescinds of
# the device, and between those of the sub-channels of the session that ended.
# A rescind may come late on a busy machine, but never before its time, which is
# counted from the moment before the first one.
paused() {
	awk -v device="$1" -v subs="$2" '
		$2 == "rescinds" { from = $1; pause = $3 == "device" ? device : subs; n = 0 }
		/^event rescinded/ {
			after = $6 * 1000 - from
			printf "%s rescinded after %d ms, the time is %d ms\n", $4, after, n * pause
			# Both sides count whole milliseconds.
			if (after < n * (pause - 1) - 1)
				early = 1
			n++
		}
		END { exit early }' round.out
}
# play COMMAND...: play the host of the device, and keep what happens
play() {
	"$bin/vmbus-host" -v -t "$timeout" device.sock "$@" >round.out 2>&1
	status=$?
	grep -v '^packet' round.out
	return $status
}
# round N ORDER MS: rescind a device with open sub-channels in this order, with
# pauses, and offer it again at once. Then a session with sub-channels ends, and
# the host rescinds them with pauses that are ten times as long, so that the
# next session begins meanwhile, also on a slow machine. All sub-channels are
# open first: the VMBus of Linux 5.10 does not survive the rescind of a primary
# channel while one of its sub-channels is being offered.
round() {
	check "$2, $3 ms between them" play wait-open "order $2" "delay rescind $3" "offer-sub 4" \
		"channel 4" wait-open "channel 1" wait-open "channel 2" wait-open "channel 3" wait-open "channel 0" "send 64 100" "echo 100" \
		"clock rescinds device" rescind wait-released offer wait-open "send 64 100" "echo 100" "delay rescind $((10 * $3))" "offer-sub 3" "channel 3" wait-open "channel 0" \
		"clock rescinds sub-channels" "$quit" "expect-hex 71756974" wait-close wait-open "send 64 50" "echo 50" \
		"channel 1" wait-released "channel 2" wait-released "channel 3" wait-released
	check "$2, $3 ms between them: the rescinds come in this order" in_order "$2"
	[ "$3" = 0 ] || check "$2, $3 ms between them, and $((10 * $3)) ms after a close: no rescind comes early" paused "$3" $((10 * $3))
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
