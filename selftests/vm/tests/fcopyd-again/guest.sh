# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck source=script.sh
. /test/script.sh
modprobe hv_utils
check "vmbus-bind binds the device" bind_fcopy
mkdir -p /tmp/in
mount -t tmpfs tmpfs /tmp/in
hv-fcopyd --foreground --verbose --state-dir=/tmp/state >/tmp/fcopyd.log 2>&1 &
daemon=$!
has() { hv-fcopyd --status | grep -q "$1"; }
check "hv-fcopyd --status: waiting" within 20 has '^state=waiting'

# slow FUNCTION, WORD: hv-fcopyd is held in FUNCTION for seven seconds. The host knows WORD as "slow WORD".
slow() {
	hold process start "$1" || return
	say "slow $2"
	wait_held
	sleep 7
	let_go
	hear "ended $2"
	was_held
}
# arrived NAME SIZE: the file has come once
arrived() { [ "$(stat -c %s "/tmp/in/$1")" = "$2" ] && [ "$(grep -c "/tmp/in/$1: received" /tmp/fcopyd.log)" = 1 ]; }

for id in same new; do
	check "START takes seven seconds, $id id" slow shmem_statfs "start-$id"
	check "the file is there once" arrived "start-$id" 50000
	check "COMPLETE takes seven seconds, $id id" slow vfs_fsync_range "complete-$id"
	check "the file is there once" arrived "complete-$id" 50000
done
check "the daemon has seen START and COMPLETE again" sh -c 'grep -q "START again" /tmp/fcopyd.log && grep -q "COMPLETE again" /tmp/fcopyd.log'
say twice
hear "ended twice"
check "everything twice: the file is there once" arrived twice 50000
check "no copy has failed" has '^failed=0$'

say negotiate
hear "ended negotiate"
# A file on its way has no name, but /proc shows where it is.
check "a NEGOTIATE ends the copy: the daemon has no file in its hand" within 5 sh -c "! ls -l /proc/$daemon/fd | grep -q /tmp/in"
check "nothing is left of it" test -z "$(find /tmp/in -name 'cut*' -o -name '.hv-fcopyd.*')"
check "hv-fcopyd --status: a copy has failed" within 5 has '^failed=1$'
say after
hear "ended after"
check "copies of the same name and of another one arrive" test "$(stat -c %s /tmp/in/cut)" = 50000 -a "$(stat -c %s /tmp/in/other)" = 50000
kill $daemon
wait $daemon
check "hv-fcopyd ended cleanly (exit status $?)" test $? = 0
