# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
ok=0x00000000
# sent_again OUTPUT: whether the host had to repeat messages, and every answer
# was a success
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

# ends_with STATUS OPTIONS...: check the status of a copy that is refused after
# its START, and that no file of it is left
ends_with() {
	wanted=$1
	shift
	copy_vmfile fcopy --generate 50000:1 --destination /tmp/in/odd "$@" >copy.out 2>&1
	grep -q "^status $wanted " copy.out
}
guest_says sizes || exit 1
copy_is $ok "file_size is 0" --generate 50000:1 --destination /tmp/in/zero --size 0
copy_is $ok "file_size is too small" --generate 50000:1 --destination /tmp/in/small --size 20000
check "file_size is too large: 0x8007000d" ends_with 0x8007000d --size 50001
check "the WRITEs come from the end: 0x80070057" ends_with 0x80070057 --order reversed
check "a WRITE comes before the one that fills its gap: 0x80070057" ends_with 0x80070057 --order swapped
tell "ended sizes"

# late WHAT OPTIONS...: check that the answer to WHAT comes after 24 to 30
# seconds, and so does the answer to its repetition
late() {
	what=$1
	shift
	copy_vmfile fcopy --generate 50000:1 --destination "/tmp/in/stuck-$what" --retry-after 10 --timeout 60 "$@" >copy.out 2>&1
	grep -q "^$what 0x800705b4 " copy.out && grep -q '^sent [1-9][0-9]* messages again' copy.out &&
		! grep 'again 0x' copy.out | grep -vq 'again 0x800705b4' &&
		awk -v what="$what-seconds" '$1 == what { late = $2 >= 24 && $2 < 30 } END { exit !late }' copy.out
}
guest_says "stuck start" || exit 1
check "START's disk stands still: 0x800705b4 within 30 seconds, for each START" late start || note "$(tr '\n' ';' <copy.out)"
tell "answered start"
guest_says "stuck complete" || exit 1
check "COMPLETE's disk stands still: 0x800705b4 within 30 seconds, for each COMPLETE" late complete --new-id || note "$(tr '\n' ';' <copy.out)"
tell "answered complete"
guest_says "stuck negotiate" || exit 1
copy_vmfile fcopy --generate 50000:1 --destination /tmp/in/stuck-negotiate --timeout 4 >copy.out 2>&1
check "COMPLETE's disk stands still: no answer within 4 seconds" test $? = 3
check "a NEGOTIATE meanwhile is answered at once" copy_vmfile fcopy --negotiate-only --timeout 5
tell "answered negotiate"

guest_says "stuck stop" || exit 1
copy_is $ok "SIGTERM reaches the daemon while COMPLETE's disk is slow" --generate 50000:1 --destination /tmp/in/stuck-stop
tell "answered stop"
guest_says "stuck quit" || exit 1
copy_is 0x800704d3 "SIGTERM reaches the daemon while START's disk stands still" --generate 50000:1 --destination /tmp/in/stuck-quit
tell "answered quit"
guest_says "new daemon" || exit 1
copy_is $ok "the next daemon copies" --generate 50000:1 --destination /tmp/in/new
tell "used new daemon"
guest_says "stuck kill" || exit 1
copy_vmfile fcopy --generate 50000:1 --destination /tmp/in/stuck-kill --timeout 4 >copy.out 2>&1
check "killed while START's disk stands still: no answer" test $? -ge 3
tell "killed it"
guest_says last || exit 1
copy_is $ok "the daemon after that copies" --generate 50000:1 --destination /tmp/in/last
tell "ended last"
