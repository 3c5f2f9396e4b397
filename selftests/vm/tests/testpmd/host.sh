# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
stream=0

# counter NAME: its value now
counter() { nic status | sed -n "s/^$1 //p"; }

# towards NAME [forwarded]: 3000 frames to the guest, and whether they come back as they were
towards() {
	guest_says "forwards $1" >/dev/null || exit 1
	stream=$((stream + 1))
	nic sink reset
	made=$(nic generate 3000 60 1514 0 $stream)
	[ "${2:-}" != forwarded ] || nic wait numbered 3000 30 >/dev/null
	tell "generated $1"
	if [ "${2:-}" = forwarded ]; then
		check "$1: the host gets back what it sent: $made" test "$(nic sink $stream)" = "$made"
		check "$1: in their order" nic expect misordered 0 0
	else
		check "$1: the host gets nothing back" nic expect numbered 0 0
	fi
	said=$(guest_says "forwarded $1: ") || exit 1
	note "$said"
}

# from NAME: what testpmd says that it has sent has come
from() {
	before=$(counter from_guest)
	tell "send $1"
	sent=$(guest_says "sent $1: ") || exit 1
	sent=${sent##* }
	nic wait from_guest $((before + sent)) 10 >/dev/null
	check "$1: the host has them all: $sent" test "$(($(counter from_guest) - before))" = "$sent"
}

nic_start nic
towards rxonly
towards io forwarded
towards mac forwarded
from "64 bytes"
from "1024 bytes"
from "two segments"
towards "after stop and start" forwarded
nic status >status
note "$(tr '\n' ' ' <status)"
tell kill
guest_says killed || exit 1
check "the host sees the session end" nic wait closes 2 10
towards "after kill -9" forwarded
towards "as a user" forwarded
tell rescind
guest_says "forwards until the rescind" || exit 1
check "rescind" nic rescind 50
nic offer
tell offered
towards "after the rescind" forwarded
guest_says pinged || exit 1
check "the host has answered the pings" nic expect echo_replies 20
nic status >status
note "$(tr '\n' ' ' <status)"
check "the guest has broken no rule" nic expect complaints 0 0
tell finished
