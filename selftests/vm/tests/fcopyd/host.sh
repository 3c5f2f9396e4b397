# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
size=1000000

# status BYTES OPTIONS...: what the guest answers to a copy
status() {
	bytes=$1
	shift
	copy_vmfile fcopy --generate "$bytes:1" "$@" 2>&1 | sed -n 's/^status \(0x[0-9a-f]*\).*/\1/p'
}
# is STATUS DESCRIPTION BYTES OPTIONS...
is() {
	wanted=$1 what=$2
	shift 2
	said=$(status "$@")
	check "$what: $wanted" test "$said" = "$wanted"
	[ "$said" = "$wanted" ] || note "the guest said '$said'"
}
# Milliseconds, by chance
moment() { sleep "$(awk -v "seed=$(od -An -N2 -tu2 /dev/urandom)" "BEGIN { printf \"%.3f\", seed % $1 / 1000 }")"; }
ok=0x00000000

guest_says ready || exit 1
is $ok "basic: a new file" 5000 --name first --directory /tmp/in
is 0x80070050 "exists: without -Force" 6000 --name first --directory /tmp/in
is $ok "another new file" 5000 --name forced --directory /tmp/in/
is $ok "overwrite: one that exists, with -Force" 7000 --name forced --directory /tmp/in --overwrite
is 0x80070150 "a directory of that name" 5000 --name sub --directory /tmp/in --overwrite
is $ok "into a directory, with a slash" 5000 --name slash --directory /tmp/in/sub/
is $ok "into a directory, without" 5000 --name plain --directory /tmp/in/sub
is 0x80070003 "a missing directory" 5000 --name file --directory /tmp/in/none
is $ok "a missing directory with -CreateFullPath" 5000 --name file --directory /tmp/in/new/deep/ --create-path
is 0x80070070 "a disk that is too small" 600000 --name file --directory /tmp/small
is 0x80070005 "a read-only file system" 5000 --name file --directory /tmp/ro
is 0x80070005 "/proc" 5000 --name file --directory /proc/sys/kernel
is 0x80070005 "a directory that the policy denies" 5000 --name file --directory /tmp/in/no
is 0x800700df "more than the policy takes" 4000000 --name file --directory /tmp/in
is $ok "a cancelled copy" 50000 --name cancelled --directory /tmp/in --cancel-after 20000
tell answered

guest_says off || exit 1
sleep 1
is 0x800704ec "copies switched off" 5000 --name private --directory /tmp/in
tell refused
guest_says 'on$' || exit 1
sleep 1
status 5000 --name private --directory /tmp/in >private.out
tell copied

for i in 1 2 3 4 5; do
	guest_says "up $i" || exit 1
	copy_vmfile fcopy --generate $size:$i --name k$i --directory /tmp/in --timeout 30 >"k$i.out" 2>&1 &
	copy=$!
	tell "go $i"
	wait $copy
	note "killed, $i: the host's program ended with $?: $(tail -n 1 "k$i.out")"
	tell "ended $i"
done
guest_says restarted || exit 1
status $size --name after --directory /tmp/in >after.out
tell "after the kills"

for i in 1 2 3 4 5; do
	"$bin/copy-vmfile" fcopy.sock --generate $size:$i --name t$i --directory /tmp/in --timeout 30 >"t$i.out" 2>&1 &
	copy=$!
	moment 1000
	kill -9 $copy 2>/dev/null
	wait $copy 2>/dev/null
	vmbus_host fcopy rescind wait-released offer >"toggle$i.out" 2>&1 || note "toggle $i: $(cat "toggle$i.out")"
	tell "taken $i"
	guest_says "again $i" || exit 1
done
status $size --name last --directory /tmp/in >last.out
tell "after the toggles"
