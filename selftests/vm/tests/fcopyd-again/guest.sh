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
starts=0
start_daemon() {
	starts=$((starts + 1))
	hv-fcopyd --verbose --state-dir=/tmp/state >>/tmp/fcopyd.log 2>&1 &
	daemon=$!
}
start_daemon
# waits: whether the daemon that was started last waits for copies
waits() { [ "$(grep -c 'waiting for Copy-VMFile' /tmp/fcopyd.log)" = "$starts" ]; }
# failed N: whether the log has this number of failed copies
failed() { [ "$(grep -cE '^hv-fcopyd: /[^ ]*: (refused|lost)' /tmp/fcopyd.log)" = "$1" ]; }
logged() { grep -q "$1" /tmp/fcopyd.log; }
check "hv-fcopyd waits" within 20 waits

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
check "no copy has failed" failed 0

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
check "a NEGOTIATE ends the copy: its worker has ended" within 5 sh -c "! grep -q . /proc/$daemon/task/$daemon/children"
check "nothing is left of it" test -z "$(find /tmp/in -name 'cut*' -o -name '.hv-fcopyd.*')"
check "its space is free again" within 5 as_before
check "a copy has failed" within 5 failed 1
say after
hear "ended after"
arrived cut
arrived other

# nothing_of NAME: whether there is neither the file nor an unfinished one, and
# the space is free
nothing_of() {
	[ -z "$(find /tmp/in -name "$1*" -o -name '.hv-fcopyd.*')" ] && as_before
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
hear "answered start"
check "the disk has stood still for START until the host had its answer" is_held
check "the log says why" within 5 logged "/tmp/in/stuck-.*: the disk takes too long: more than 25 s to make room"
let_go
check "nothing is left of it" within 10 nothing_of stuck-start
was_held
stuck ext4_file_write_iter write
check "the log says why" within 60 logged "/tmp/in/stuck-.*: the disk takes too long: more than 25 s to write"
let_go
hear "answered write"
check "nothing is left of it" within 10 nothing_of stuck-write
was_held
stuck ext4_sync_file complete
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
check "eight copies have failed" within 5 failed 8

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
check "hv-fcopyd waits" within 20 waits
stuck ext4_fallocate quit
kill $daemon
hear "answered quit"
wait $daemon
check "after SIGTERM the daemon does not wait for the disk (exit status $?)" test $? = 0
start_daemon
check "the next daemon takes over while the disk still stands still" within 20 waits
say "new daemon"
hear "used new daemon"
check "a copy has arrived meanwhile" is_held
rm /tmp/in/new
let_go
check "nothing is left of the copy" within 10 nothing_of stuck-quit
check "nor a note" within 10 sh -c '[ -z "$(ls -A /tmp/state)" ]'
was_held

stuck ext4_fallocate kill
kill -9 $daemon
hear "killed it"
let_go
wait $daemon
was_held
start_daemon
check "killed meanwhile: the next daemon waits" within 20 waits
check "nothing is left of the copy" within 10 nothing_of stuck-kill
say last
hear "ended last"
kill $daemon
wait $daemon
check "hv-fcopyd ended cleanly (exit status $?)" test $? = 0
