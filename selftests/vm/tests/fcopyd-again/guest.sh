# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck source=script.sh
. /test/script.sh
modprobe hv_utils
check "vmbus-bind binds the device" bind_fcopy
mkdir -p /tmp/in
mount -t tmpfs tmpfs /tmp/in
start_daemon() {
	hv-fcopyd --foreground --verbose --state-dir=/tmp/state >>/tmp/fcopyd.log 2>&1 &
	daemon=$!
}
start_daemon
has() { hv-fcopyd --status | grep -q "$1"; }
check "hv-fcopyd --status: waiting" within 20 has '^state=waiting'

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
# arrived NAME SIZE: whether the file has arrived exactly once
arrived() { [ "$(stat -c %s "/tmp/in/$1")" = "$2" ] && [ "$(grep -c "/tmp/in/$1: received" /tmp/fcopyd.log)" = 1 ]; }

for id in same new; do
	check "START takes seven seconds, $id id" slow shmem_statfs "start-$id"
	check "the file is there once" arrived "start-$id" 50000
	check "COMPLETE takes seven seconds, $id id" slow noop_fsync "complete-$id"
	check "the file is there once" arrived "complete-$id" 50000
done
check "the daemon has seen START and COMPLETE again" sh -c 'grep -q "START again" /tmp/fcopyd.log && grep -q "COMPLETE again" /tmp/fcopyd.log'
say twice
hear "ended twice"
check "everything twice: the file is there once" arrived twice 50000
check "no copy has failed" has '^failed=0$'

say negotiate
hear "ended negotiate"
# An unfinished file has no name, but /proc shows its directory.
check "a NEGOTIATE ends the copy: the daemon has no file in its hand" within 5 sh -c "! ls -l /proc/$daemon/fd | grep -q /tmp/in"
check "nothing is left of it" test -z "$(find /tmp/in -name 'cut*' -o -name '.hv-fcopyd.*')"
check "hv-fcopyd --status: a copy has failed" within 5 has '^failed=1$'
say after
hear "ended after"
check "copies of the same name and of another one arrive" test "$(stat -c %s /tmp/in/cut)" = 50000 -a "$(stat -c %s /tmp/in/other)" = 50000

# nothing_of NAME: whether there is neither the file nor an unfinished one
nothing_of() {
	[ -z "$(find /tmp/in -name "$1*" -o -name '.hv-fcopyd.*')" ] && ! find "/proc/$daemon/fd" -exec readlink {} \; | grep -q /tmp/in
}
say sizes
hear "ended sizes"
check "a host that announces too little: the files are whole" test "$(stat -c %s /tmp/in/zero)" = 50000 -a "$(stat -c %s /tmp/in/small)" = 50000
check "the log has what the host announced" test "$(grep -c 'received 50000 bytes (the host announced' /tmp/fcopyd.log)" = 2
check "a host that announces too much, and one that leaves gaps: nothing is there" within 5 nothing_of odd

# stuck FUNCTION WORD: let the disk of the next copy hang in FUNCTION. The guest
# announces this to the host as "stuck WORD".
stuck() {
	hold process start "$1"
	say "stuck $2"
	wait_held
}
stuck shmem_statfs start
check "hv-fcopyd --status names the slow disk" within 10 has '^slow-disk-file=/tmp/in/stuck-start$'
hear "answered start"
check "the disk has stood still for START until the host had its answer" is_held
check "hv-fcopyd --status: too slow" within 5 has '^last-failure=the disk takes too long: more than 25 s to make room'
let_go
check "nothing is left of it" within 10 nothing_of stuck-start
was_held
stuck noop_fsync complete
check "hv-fcopyd --status names the slow disk" within 10 has '^slow-disk-file=/tmp/in/stuck-complete$'
hear "answered complete"
check "the disk has stood still for COMPLETE until the host had its answer" is_held
let_go
check "nothing is left of it" within 10 nothing_of stuck-complete
was_held
stuck noop_fsync negotiate
hear "answered negotiate"
check "the disk has stood still until NEGOTIATE had its answer" is_held
let_go
check "nothing is left of the copy" within 10 nothing_of stuck-negotiate
was_held
check "hv-fcopyd --status: seven copies have failed" within 5 has '^failed=7$'

stuck noop_fsync stop
kill $daemon
sleep 2
check "after SIGTERM the daemon waits for COMPLETE's disk" kill -0 $daemon
let_go
hear "answered stop"
wait $daemon
check "hv-fcopyd ended cleanly (exit status $?)" test $? = 0
check "the file is there" test "$(stat -c %s /tmp/in/stuck-stop)" = 50000
was_held

start_daemon
check "hv-fcopyd --status: waiting" within 20 has '^state=waiting'
stuck shmem_statfs quit
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

stuck shmem_statfs kill
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
