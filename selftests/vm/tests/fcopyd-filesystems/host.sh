# SPDX-License-Identifier: GPL-2.0-only
ok=0x00000000
sum() { sed -n 's/^sha256 //p' copy.out; }

for kind in btrfs exfat; do
	guest_says "ready $kind" || exit 1
	copy_is $ok "$kind: a new file" --generate 300000:1 --source new --destination /disk/$kind/
	sums=$(sum)
	copy_is 0x80070050 "$kind: a file that exists" --generate 5000:2 --source new --destination /disk/$kind/
	copy_is $ok "$kind: a file that exists, with -Force" --generate 400000:3 --destination /disk/$kind/old --force
	sums="$sums $(sum)"
	copy_is $ok "$kind: a cancelled copy" --generate 600000:4 --destination /disk/$kind/cut --cancel-after 300000
	tell "copied $kind"
	check "$kind: the guest has the contents that the host has sent" test "$(guest_says "sums $kind ")" = "sums $kind $sums"
done

guest_says shut || exit 1
copy_is 0x800704ec "an automount point with enable=no" --generate 5000:1 --source file --destination /autofs/
copy_is 0x800704ec "root's link to it" --generate 5000:1 --source file --destination /run/in/root/
tell "ended shut"
guest_says outside || exit 1
copy_is 0x80070005 "the automount point, which no section names" --generate 5000:1 --source file --destination /autofs/
copy_is 0x80070781 "a link to it, in a place" --generate 5000:1 --source file --destination /disk/link/
tell "ended outside"

# took MIN MAX: whether the answer of the last copy that took longest has taken
# MIN to MAX seconds
took() { awk -v "min=$1" -v "max=$2" '$1 == "longest-answer-seconds" { good = min <= $2 && $2 < max } END { exit !good }' copy.out; }
# late: check that the answers to START and its repetitions are failures, and
# that the first one comes after 24 to 30 seconds. If an answer takes longer
# than that, copy-vmfile ends without a status.
late() {
	copy_vmfile fcopy --generate 5000:1 --destination /run/home/theirs --force --retry-after 10 >copy.out 2>&1
	grep -q '^start 0x800705b4$' copy.out && grep -q '^sent [1-9][0-9]* messages again' copy.out &&
		! grep 'again 0x' copy.out | grep -vq 'again 0x800705b4' &&
		grep -q '^status 0x800705b4$' copy.out && took 24 30
}
# elsewhere NAME: copy to disks that answer. A daemon that waits for another one
# fails after a minute.
elsewhere() {
	copy_is $ok "meanwhile, a copy to btrfs" --timeout 60 --generate 5000:1 --destination "/disk/btrfs/$1"
	copy_is $ok "and one to exFAT" --timeout 60 --generate 5000:1 --destination "/disk/exfat/$1"
	tell "ended $1"
}
guest_says lookup || exit 1
check "with -Force over a user's link into a FUSE that does not answer: 0x800705b4 within 30 s, for each START" late ||
	note "$(tr '\n' ';' <copy.out)"
elsewhere lookup
guest_says write || exit 1
check "the host negotiates while a FUSE does not answer" \
	copy_vmfile fcopy --generate 1000000:1 --destination /write/file --renegotiate-after 400000
copy_is 0x800705b4 "another copy to its directory, at once" --generate 5000:1 --destination /write/other
elsewhere write
guest_says autofs || exit 1
copy_is 0x800704d3 "SIGTERM while an automount point does not answer" --generate 5000:1 --source file --destination /autofs/
tell "ended autofs"
guest_says again || exit 1
elsewhere again
