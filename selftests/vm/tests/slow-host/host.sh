# SPDX-License-Identifier: GPL-2.0-only
host() { vmbus_host device "$@"; }
quit="send-hex 7175697400000000"

check "the device closes after three seconds from now on" host "delay close 3000"
tell "close slowly"
guest_says closing || exit 1
tell "echo slowly"
check "messages" host wait-open "send 64 100" "echo 100"
tell kill
check "the next program" host wait-close wait-open "send 64 100" "echo 100" "$quit" wait-close
host "delay close 10"

vmbus_host fcopy "delay close 2000"
tell daemon
guest_says "daemon waits" || exit 1
head -c 100000 /dev/urandom >file
copy_is 0x00000000 "a copy after quick restarts, with a migration" --source file --destination /tmp/file --migrate-after 50000 file
tell copied
vmbus_host fcopy "delay close 10"

packets=$(statistic device early-packets) interrupts=$(statistic device early-interrupts)
watch device "delay open 3000" wait-open "send 64 50" sync "echo 50" "$quit" wait-close "delay open 5"
tell "open slowly"
check "packets that are sent before the open is answered come back" watched
check "the host had sent all 50 before it answered" test $(($(statistic device early-packets) - packets)) = 50
interrupts=$(($(statistic device early-interrupts) - interrupts))
check "and had interrupted the guest, once for all of them ($interrupts)" test $interrupts = 1

# sleeper MOMENT COUNT COMMAND...: let the guest open the device and look at
# no ring. The commands write to the guest's mask and rings, before the host
# answers the open or before a migration. Check how many interrupts come then.
number=0
sleeper() {
	moment=$1 count=$2
	shift 2
	number=$((number + 1))
	interrupts=$(statistic device interrupts)
	if [ "$moment" = open ]; then watch device "delay open 2000" wait-open "$@"; else watch device "delay open 5" wait-open; fi
	tell "sleeper $number"
	guest_says "sleeps $number\$" || return
	watched || return
	sleep 0.5
	[ "$moment" = open ] || host "$@" "migrate 200" "sleep 700" || return
	interrupts=$(($(statistic device interrupts) - interrupts))
	tell "wake up"
	host wait-close
	echo "$interrupts interrupts"
	[ "$interrupts" = "$count" ]
}
for moment in open migration; do
	check "$moment: a guest sleeps with a packet and a clear mask: an interrupt" sleeper $moment 1 "raw-write rx 8 01" "send 8" sync "raw-write rx 8 00"
	check "$moment: a guest sleeps with a packet and a set mask: none" sleeper $moment 0 "raw-write rx 8 01" "send 8" sync
	check "$moment: a guest waits for room, which is there: an interrupt" sleeper $moment 1 "raw-write rx 8 01" "raw-write tx 12 08"
done
host "delay open 5"

# shares CHANNEL: wait until the guest shares the memory of this channel's rings
shares() { host "channel $1" "wait-stat gpadls 1 1"; }
host "gpadls hold"
tell "hold creations"
check "the guest shares memory that the host does not accept yet" shares 0
watch device rescind wait-released "sleep 500" "expect-stat gpadls 0 0" "gpadls answer" offer wait-offered
check "the guest lets go of a device whose open has no answer" watched
tell offered
guest_says "has opened" || exit 1
host "gpadls fail"
tell "fail creations"
guest_says "was refused" || exit 1
host "gpadls answer"
tell "create again"
guest_says "opened again" || exit 1
watch device wait-open "gpadls hold" "send 64 10" "echo 10" "$quit" wait-close "sleep 500" "expect-stat gpadls 1 1" rescind wait-released "sleep 500" "expect-stat gpadls 0 0" "gpadls answer" offer wait-offered
tell "hold teardowns"
check "the guest lets go of a device that is being closed" watched
tell "offered again"

watch device "answer off" wait-asked rescind wait-released "sleep 500" "expect-stat gpadls 0 0" "answer on" offer wait-offered
tell mute
check "the guest lets go of a device whose open has never been answered" watched
tell "offered after mute"
# The guest may have asked for the open before it has the rescind, so the host
# does not answer it.
host "gpadls hold" "answer off"
tell "answer and rescind"
check "the guest shares memory, and the host has not accepted it yet" shares 0
watch device "gpadls answer" rescind wait-released "sleep 500" "expect-stat gpadls 0 0" "answer on" offer wait-offered
check "and of one whose memory the host has just accepted" watched
tell "offered after the answer"
guest_says "opened once more" || exit 1

# of_sub_channel MOMENT RESCIND: hold an answer about a sub-channel at this
# moment: when the guest creates the GPADL of its rings, opens it or closes it.
# Then rescind the device or the sub-channel.
number=0
of_sub_channel() {
	number=$((number + 1))
	tell "$1 of a sub-channel"
	case $1 in
	creation) host wait-open "channel 1" "gpadls hold" "channel 0" "offer-sub 1" && shares 1 ;;
	open) host wait-open "channel 1" "answer off" "channel 0" "offer-sub 1" "channel 1" wait-asked ;;
	close) host wait-open "offer-sub 1" "channel 1" wait-open "gpadls hold" ;;
	esac || return
	tell held
	guest_says "waits $number\$" || return
	[ "$1" != close ] || host "channel 1" wait-close "sleep 500" || return
	host "channel 1" "expect-stat gpadls 1 1" "channel 0" "$2" || return
	[ "$2" != rescind ] || host wait-released || return
	tell rescinded
	host "channel 1" wait-released "sleep 500" "expect-stat gpadls 0 0" "gpadls answer" "answer on" || return
	[ "$2" != rescind ] || host offer wait-offered || return
	tell offered
	guest_says "works $number\$"
}
for moment in creation open close; do
	check "the $moment of a sub-channel, and the device is rescinded" of_sub_channel $moment rescind
	check "the $moment of a sub-channel, and the sub-channel is rescinded" of_sub_channel $moment "rescind-sub 1"
done

# migrations: migrate the guest six times while messages come back, and again
# until signals and interrupts were lost, because that depends on what the guest
# does in this moment
migrations() {
	rounds=0
	host wait-open || return
	until [ "$rounds" -ge 3 ] && host "expect-stat lost-signals 1" "expect-stat lost-interrupts 1"; do
		# The guest is busy when it is stopped, and then it is asleep.
		host "send 64 300" "migrate 700" "send 64 300" "echo 600" \
			"send 64 300" "echo 300" "migrate 700" "send 64 300" "echo 300" || return
		rounds=$((rounds + 1))
	done
	echo "$rounds rounds"
	host "none 300" "$quit" wait-close
}
tell migrate
check "messages come back, none lost, none doubled, over migrations that lose signals and interrupts" migrations
exit 0
