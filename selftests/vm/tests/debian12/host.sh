# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# copy NAME BYTES: copies, and compares with what the guest says that it has
copy() {
	copy_vmfile fcopy --generate "$2:7" --name "$1" --directory /srv/ >"$1.out" 2>&1 || note "$(cat "$1.out")"
	tell "copied $1"
	check "$1 copy: SHA-256 sent and arrived" test "$(guest_says "sha $1")" = "sha $1 $(sed -n 's/^sha256 //p' "$1.out")"
}
guest_says booted 250 || exit 1
copy first 3000000
check "rescind" vmbus_host fcopy rescind wait-released
tell rescinded
guest_says gone 60 || exit 1
check "offer again" vmbus_host fcopy offer
tell offered
guest_says 'back$' 60 || exit 1
copy second 3000000
vmbus_host fcopy "cycle 5" >cycle.out 2>&1 || note "$(cat cycle.out)"
tell cycled
guest_says 'back again' 60 || exit 1
copy third 100000
