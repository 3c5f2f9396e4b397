# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck source=script.sh
. /test/script.sh
modprobe -a hv_utils ext4
[ ! -e /brd.ko ] || insmod /brd.ko rd_nr=1 rd_size=32768
check "vmbus-bind binds the device" bind_fcopy
# On a tmpfs, the daemon reserves nothing in START, and fsync() does nothing.
mkdir -p /tmp/in
check "a RAM disk has an ext4" sh -c 'zcat /disk.gz >/dev/ram0'
check "the files arrive on an ext4" mount -t ext4 /dev/ram0 /tmp/in
start_daemon() {
	hv-fcopyd --foreground --verbose --state-dir=/tmp/state >>/tmp/fcopyd.log 2>&1 &
	daemon=$!
}
start_daemon
has() { hv-fcopyd --status | grep -q "$1"; }
check "hv-fcopyd --status: waiting" within 20 has '^state=waiting'

# free_bytes: print the free space of the disk. Where a test needs the space
# before a copy, $before has it.
free_bytes() { stat -f -c '%f %S' /tmp/in | { read -r blocks size && echo $((blocks * size)); }; }
as_before() { [ "$(free_bytes)" = "$before" ]; }

# slow FUNCTION WORD: hold hv-fcopyd in FUNCTION for seven seconds. The guest
# announces this to the host as "slow WORD".
slow() {
	hold process start "$1" || return
	say "slow $2"
	wait_held
	sleep 7
	let_go
	hear "ended $2"
	was_held
}
# arrived NAME: check that the file has arrived exactly once. The host checks
# its contents.
arrived() {
	check "$1: the file is there once" test "$(find /tmp/in -name "$1*" | wc -l) $(grep -c "/tmp/in/$1: received" /tmp/fcopyd.log)" = "1 1"
	say "digest $1 $(sha256sum <"/tmp/in/$1" | cut -d' ' -f1)"
}

for id in same new; do
	check "START takes seven seconds, $id id" slow ext4_fallocate "start-$id"
	arrived "start-$id"
	check "a WRITE takes seven seconds, $id id" slow ext4_file_write_iter "write-$id"
	arrived "write-$id"
	check "COMPLETE takes seven seconds, $id id" slow ext4_sync_file "complete-$id"
	arrived "complete-$id"
	say "twice $id"
	hear "ended twice-$id"
	arrived "twice-$id"
done
check "no copy has failed" has '^failed=0$'

# Measure the space while data arrives.
before=$(free_bytes)
hold process start ext4_file_write_iter
say negotiate
wait_held
during=$(free_bytes)
let_go
hear "ended negotiate"
was_held
check "1000000 bytes have been reserved: $before bytes are free before the copy, $during during it" test $((before - during)) -ge 1000000
# An unfinished file has no name, but /proc shows its directory.
check "a NEGOTIATE ends the copy: the daemon has no file in its hand" within 5 sh -c "! ls -l /proc/$daemon/fd | grep -q /tmp/in"
check "nothing is left of it" test -z "$(find /tmp/in -name 'cut*' -o -name '.hv-fcopyd.*')"
check "its space is free again" within 5 as_before
check "hv-fcopyd --status: a copy has failed" within 5 has '^failed=1$'
say after
hear "ended after"
arrived cut
arrived other

# nothing_of NAME: whether there is neither the file nor an unfinished one, and
# the space is free
nothing_of() {
	[ -z "$(find /tmp/in -name "$1*" -o -name '.hv-fcopyd.*')" ] && ! find "/proc/$daemon/fd" -exec readlink {} \; | grep -q /tmp/in && as_before
}
say sizes
hear "ended sizes"
arrived zero
arrived small
check "the log has what the host announced" test "$(grep -c 'received 50000 bytes (the host announced' /tmp/fcopyd.log)" = 2
before=$(free_bytes)
say refused
hear "ended refused"
check "a host that announces too much, and one that leaves gaps: nothing is there" within 5 nothing_of odd

# stuck FUNCTION WORD: let the disk of the next copy hang in FUNCTION. The guest
# announces this to the host as "stuck WORD".
stuck() {
	before=$(free_bytes)
	hold process start "$1"
	say "stuck $2"
	wait_held
}
stuck ext4_fallocate start
check "hv-fcopyd --status names the slow disk" within 10 has '^slow-disk-file=/tmp/in/stuck-start$'
hear "answered start"
check "the disk has stood still for START until the host had its answer" is_held
check "hv-fcopyd --status: too slow" within 5 has '^last-failure=the disk takes too long: more than 25 s to make room'
let_go
check "nothing is left of it" within 10 nothing_of stuck-start
was_held
stuck ext4_file_write_iter write
check "hv-fcopyd --status names the slow disk" within 20 has '^slow-disk-file=/tmp/in/stuck-write$'
check "hv-fcopyd --status: too slow" within 60 has '^last-failure=the disk takes too long: more than 25 s to write'
let_go
hear "answered write"
check "nothing is left of it" within 10 nothing_of stuck-write
was_held
stuck ext4_sync_file complete
check "hv-fcopyd --status names the slow disk" within 10 has '^slow-disk-file=/tmp/in/stuck-complete$'
hear "answered complete"
check "the disk has stood still for COMPLETE until the host had its answer" is_held
let_go
check "nothing is left of it" within 10 nothing_of stuck-complete
was_held
stuck ext4_sync_file negotiate
hear "answered negotiate"
check "the disk has stood still until NEGOTIATE had its answer" is_held
let_go
check "nothing is left of the copy" within 10 nothing_of stuck-negotiate
was_held
check "hv-fcopyd --status: eight copies have failed" within 5 has '^failed=8$'

stuck ext4_sync_file stop
kill $daemon
sleep 2
check "after SIGTERM the daemon waits for COMPLETE's disk" kill -0 $daemon
let_go
hear "answered stop"
wait $daemon
check "hv-fcopyd ended cleanly (exit status $?)" test $? = 0
arrived stuck-stop
was_held

start_daemon
check "hv-fcopyd --status: waiting" within 20 has '^state=waiting'
stuck ext4_fallocate quit
kill $daemon
hear "answered quit"
check "after SIGTERM the daemon does not wait for ever" within 20 grep -q "the disk does not answer" /tmp/fcopyd.log
former=$daemon
start_daemon
check "the next daemon takes over while the disk still stands still" within 20 has "^pid=$daemon$"
say "new daemon"
hear "used new daemon"
check "a copy has arrived meanwhile" is_held
let_go
wait $former
check "nothing is left of the copy, nor a note" test -z "$(ls -A /tmp/state; find /tmp/in -name 'stuck-quit*')"
was_held

stuck ext4_fallocate kill
kill -9 $daemon
hear "killed it"
let_go
wait $daemon
was_held
start_daemon
check "killed meanwhile: the next daemon waits" within 20 has "^pid=$daemon$"
check "nothing is left of the copy" within 10 nothing_of stuck-kill
say last
hear "ended last"
kill $daemon
wait $daemon
check "hv-fcopyd ended cleanly (exit status $?)" test $? = 0
