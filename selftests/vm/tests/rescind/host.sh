# SPDX-License-Identifier: GPL-2.0-only

# This is a WRITE at offset 0 as an IC message. During a copy it is a
# repetition, so the guest accepts any number of them, and is busy with the ring
# and the file when the device disappears.
again=01000000.48180000.03000000.0700.01000100.3418.00000000.00.03.0000
again=$again.01000000$(printf '%072d' 0)$(printf '%016d' 0)00180000$(printf '%012288d' 0)

# break_copy ROUND: start a copy of 100 MB, kill its host when a part has
# arrived, and let another host rescind the device
break_copy() {
	"$bin/copy-vmfile" fcopy.sock --generate 100000000:3 --source broken --destination /tmp/in/ >"broken.$1" 2>&1 &
	copy=$!
	within 30 grep -q '^start 0x00000000' "broken.$1" || return
	sleep 0.7
	tell "burst $1"
	guest_says "burst $1" >/dev/null || return 1
	kill -9 $copy
	wait $copy
	{
		# In the other rounds the guest no longer reads.
		[ $(($1 % 2)) = 0 ] || for _ in 0 1 2 3 4 5 6 7 8 9; do printf 'send-hex %s\n' "$again"; done
		# Rescind at a different moment each time.
		printf 'sleep %s\nrescind\nwait-released\noffer\nwait-offered\n' "$1"
	} | vmbus_host fcopy && echo 'done'
}

broken=0
for round in 1 2 3 4 5 6; do
	guest_says "ready $round" || exit 1
	if break_copy $round 2>&1 | cut -c 1-200 >"round.$round" && grep -q '^done$' "round.$round"; then
		broken=$((broken + 1))
	else
		while read -r line; do note "round $round: $line"; done <"round.$round"
	fi
	tell "rescinded $round"
done
check "the device was taken back and offered again in every round ($broken)" test $broken = 6
guest_says "ready complete" || exit 1
check "the complete copy reports success" copy_vmfile fcopy --generate 5000000:4 --destination /tmp/in/whole
sent=$(sed -n 's/^sha256 //p' check.out)
tell copied
said=$(guest_says sha)
check "SHA-256 of what was sent and of what arrived" test "$said" = "sha $sent"
