# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
ok=0x00000000
# sent_again OUTPUT: the host had to, and every answer was a success
sent_again() { grep -q '^sent [1-9][0-9]* messages again$' "$1" && ! grep -q 'again 0x' "$1"; }

set --
for id in same new; do
	for slow in start complete; do
		guest_says "slow $slow-$id" || exit 1
		[ $id = same ] || set -- --new-id
		copy_is $ok "$slow is slow, $id id" --generate 50000:1 --destination "/tmp/in/$slow-$id" --retry-after 2 "$@"
		check "the host has sent it again, and each answer was a success" sent_again copy.out
		tell "ended $slow-$id"
	done
done
guest_says twice || exit 1
copy_is $ok "everything twice" --generate 50000:1 --destination /tmp/in/twice --twice
check "each answer was a success" sent_again copy.out
tell "ended twice"
guest_says negotiate || exit 1
check "the host negotiates in the middle of a copy" copy_vmfile fcopy --generate 1000000:1 --destination /tmp/in/cut --renegotiate-after 500000
tell "ended negotiate"
guest_says after || exit 1
copy_is $ok "the same name" --generate 50000:1 --destination /tmp/in/cut
copy_is $ok "another name" --generate 50000:1 --destination /tmp/in/other
tell "ended after"
