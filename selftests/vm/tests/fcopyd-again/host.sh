# SPDX-License-Identifier: GPL-2.0-only
ok=0x00000000
# took MIN MAX: whether the answer of the last copy that took longest has taken
# MIN to MAX seconds
took() { awk -v "min=$1" -v "max=$2" '$1 == "longest-answer-seconds" { good = min <= $2 && $2 < max } END { exit !good }' copy.out; }
# same NAME: check that the guest has the contents that the host has sent
same() { check "$1: the guest has the contents that the host has sent" test "$(guest_says "digest $1 ")" = "digest $1 $(sed -n 's/^sha256 //p' copy.out)"; }

guest_says negotiate || exit 1
check "the host negotiates in the middle of a copy" copy_vmfile fcopy --generate 1000000:1 --destination /tmp/in/cut --renegotiate-after 500000
tell "ended negotiate"
guest_says after || exit 1
copy_is $ok "the same name" --generate 50000:1 --destination /tmp/in/cut
tell "ended after"
same cut

# late: check that the answers to START and its repetitions are failures, and
# that the first one comes after 24 to 30 seconds. If an answer takes longer
# than that, copy-vmfile ends without a status.
late() {
	copy_vmfile fcopy --generate 400000:1 --destination /tmp/in/stuck --retry-after 10 >copy.out 2>&1
	grep -q '^start 0x800705b4$' copy.out && grep -q '^sent [1-9][0-9]* messages again' copy.out &&
		! grep 'again 0x' copy.out | grep -vq 'again 0x800705b4' &&
		grep -q '^status 0x800705b4$' copy.out && took 24 30
}
guest_says stuck || exit 1
check "START's disk stands still: 0x800705b4 within 30 seconds, for each START" late || note "$(tr '\n' ';' <copy.out)"
tell "answered stuck"
