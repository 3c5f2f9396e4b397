# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
host() { vmbus_host device "$@"; }
quit="send-hex 7175697400000000"

check "the device closes after three seconds from now on" host "delay close 3000"
tell "close slowly"
guest_says closing || exit 1
tell "echo slowly"
check "messages" host wait-open "send 64 100" "echo 100 xid"
tell kill
check "the next program" host wait-close wait-open "send 64 100" "echo 100 xid" "$quit" wait-close
host "delay close 10"

vmbus_host fcopy "delay close 2000"
tell daemon
guest_says "daemon waits" || exit 1
head -c 100000 /dev/urandom >file
copy_is 0x00000000 "a copy after quick restarts, with a migration" --source file --destination /tmp/file --migrate-after 50000 file
tell copied
vmbus_host fcopy "delay close 10"

packets=$(statistic device early-packets) interrupts=$(statistic device early-interrupts)
watch device "delay open 3000" wait-open "send 64 50" signal sync "echo 50 xid" "$quit" wait-close "delay open 5"
tell "open slowly"
check "packets that are sent before the open is answered come back" watched
check "the host had sent all 50 before it answered" test $(($(statistic device early-packets) - packets)) = 50
interrupts=$(($(statistic device early-interrupts) - interrupts))
check "and had interrupted the guest ($interrupts)" test $interrupts -ge 1

watch device "gpadls hold" "sleep 3000" rescind wait-released "sleep 500" "expect-stat gpadls 0 0" "gpadls answer" offer wait-offered
tell "hold creations"
check "the guest lets go of a device whose open has no answer" watched
tell offered
guest_says "has opened" || exit 1
host "gpadls fail"
tell "fail creations"
guest_says "was refused" || exit 1
host "gpadls answer"
tell "create again"
guest_says "opened again" || exit 1
watch device wait-open "gpadls hold" "send 64 10" "echo 10 xid" "$quit" "sleep 4000" rescind wait-released "sleep 500" "expect-stat gpadls 0 0" "gpadls answer" offer wait-offered
tell "hold teardowns"
check "the guest lets go of a device that is being closed" watched
tell "offered again"

watch device "answer off" wait-asked rescind wait-released "sleep 500" "expect-stat gpadls 0 0" "answer on" offer wait-offered
tell mute
check "the guest lets go of a device whose open has never been answered" watched
tell "offered after mute"
watch device "gpadls hold" "sleep 3000" "gpadls answer" rescind wait-released "sleep 500" "expect-stat gpadls 0 0" offer wait-offered
tell "answer and rescind"
check "and of one whose memory the host has just accepted" watched
tell "offered after the answer"
guest_says "opened once more" || exit 1

set -- wait-open
for _ in 1 2 3; do
	# The guest is busy when it is stopped, and then it is asleep.
	set -- "$@" "send 64 300" "migrate 700" "send 64 300" "echo 600 xid"
	set -- "$@" "send 64 300" "echo 300 xid" "migrate 700" "send 64 300" "echo 300 xid"
done
watch device "$@" "none 300" "$quit" wait-close
tell migrate
check "3600 messages come back, none lost, none doubled, over six migrations" watched
check "the migrations have lost signals of the guest" host "expect-stat lost-signals 1"
check "and interrupts of the host" host "expect-stat lost-interrupts 1"

host "delay unload 50000"
tell unload
guest_says awake
