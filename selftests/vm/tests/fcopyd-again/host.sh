# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
ok=0x00000000
# copy_vmfile fcopy OPTION...: copy, and keep the times of the answers
copy_vmfile() {
	shift
	"$bin/copy-vmfile" --timeout "$timeout" fcopy.sock "$@" >answers.out 2>&1
	status=$?
	tee -a all-answers.out <answers.out
	return $status
}
# longest FILE...: print the seconds of the answer that took longest
longest() { sed -n 's/^longest-answer-seconds //p' "$@" | sort -n | tail -n 1; }
# between MIN MAX SECONDS
between() { awk "BEGIN { exit !(\"$3\" && $1 <= $3 && $3 < $2) }"; }

# sent_again: whether the host had to repeat messages, and every answer was a
# success
sent_again() { grep -q '^sent [1-9][0-9]* messages again$' copy.out && ! grep -q 'again 0x' copy.out; }
# same NAME: check that the guest has the contents that the host has sent
same() { check "$1: the guest has the contents that the host has sent" test "$(guest_says "digest $1 ")" = "digest $1 $(sed -n 's/^sha256 //p' copy.out)"; }

set --
for id in same new; do
	[ $id = same ] || set -- --new-id
	for slow in start write complete; do
		guest_says "slow $slow-$id" || exit 1
		copy_is $ok "$slow is slow, $id id" --generate 400000:1 --destination "/tmp/in/$slow-$id" --retry-after 2 "$@"
		check "the host has sent it again, and each answer was a success" sent_again
		check "the answer took its time" between 5 30 "$(longest copy.out)"
		tell "ended $slow-$id"
		same "$slow-$id"
	done
	guest_says "twice $id" || exit 1
	copy_is $ok "everything twice, $id id" --generate 400000:1 --destination "/tmp/in/twice-$id" --twice "$@"
	check "each answer was a success" sent_again
	tell "ended twice-$id"
	same "twice-$id"
done
guest_says negotiate || exit 1
check "the host negotiates in the middle of a copy" copy_vmfile fcopy --generate 1000000:1 --destination /tmp/in/cut --renegotiate-after 500000
tell "ended negotiate"
guest_says after || exit 1
copy_is $ok "the same name" --generate 50000:1 --destination /tmp/in/cut
copy_is $ok "another name" --generate 50000:1 --destination /tmp/in/other
tell "ended after"
same cut
same other

# ends_with STATUS OPTIONS...: check the status of a copy that is refused after
# its START, and that no file of it is left
ends_with() {
	wanted=$1
	shift
	copy_vmfile fcopy --generate 50000:1 --destination /tmp/in/odd "$@" >copy.out 2>&1
	grep -q "^status $wanted" copy.out
}
guest_says sizes || exit 1
copy_is $ok "file_size is 0" --generate 50000:1 --destination /tmp/in/zero --size 0
copy_is $ok "file_size is too small" --generate 50000:1 --destination /tmp/in/small --size 20000
tell "ended sizes"
same zero
same small
guest_says refused || exit 1
check "file_size is too large: 0x8007000d" ends_with 0x8007000d --size 50001
check "the WRITEs come from the end: 0x80070057" ends_with 0x80070057 --order reversed
check "a WRITE comes before the one that fills its gap: 0x80070057" ends_with 0x80070057 --order swapped
tell "ended refused"

# late WHAT BYTES OPTIONS...: check that the answers to WHAT and its repetitions
# are failures, and that the first one comes after 24 to 30 seconds. If an
# answer takes longer than that, copy-vmfile ends without a status.
late() {
	what=$1 bytes=$2
	shift 2
	copy_vmfile fcopy --generate "$bytes:1" --destination "/tmp/in/stuck-$what" --retry-after 10 "$@" >copy.out 2>&1
	grep -q "^$what 0x800705b4" copy.out && grep -q '^sent [1-9][0-9]* messages again' copy.out &&
		! grep 'again 0x' copy.out | grep -vq 'again 0x800705b4' &&
		grep -q '^status 0x800705b4' copy.out && between 24 30 "$(longest copy.out)"
}
guest_says "stuck start" || exit 1
check "START's disk stands still: 0x800705b4 within 30 seconds, for each START" late start 400000 || note "$(tr '\n' ';' <copy.out)"
tell "answered start"
guest_says "stuck write" || exit 1
# The daemon takes two times 256 KiB before a WRITE has to wait.
check "a WRITE's disk stands still: 0x800705b4 within 30 seconds, for each WRITE" late write 800000 --new-id || note "$(tr '\n' ';' <copy.out)"
tell "answered write"
guest_says "stuck complete" || exit 1
check "COMPLETE's disk stands still: 0x800705b4 within 30 seconds, for each COMPLETE" late complete 400000 --new-id || note "$(tr '\n' ';' <copy.out)"
tell "answered complete"
guest_says "stuck negotiate" || exit 1
copy_vmfile fcopy --generate 50000:1 --destination /tmp/in/stuck-negotiate --timeout 4 >copy.out 2>&1
check "COMPLETE's disk stands still: no answer within 4 seconds" test $? = 3
check "a NEGOTIATE meanwhile is answered at once" copy_vmfile fcopy --negotiate-only --timeout 5
tell "answered negotiate"

guest_says "stuck stop" || exit 1
copy_is $ok "SIGTERM reaches the daemon while COMPLETE's disk is slow" --generate 50000:1 --destination /tmp/in/stuck-stop
tell "answered stop"
same stuck-stop
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
seconds=$(longest all-answers.out)
check "no answer took 30 s; the longest of $(grep -c '^longest-answer' all-answers.out) copies took $seconds s" between 24 30 "$seconds"
