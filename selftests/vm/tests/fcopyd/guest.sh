# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
conf=/tmp/fcopyd.conf
size=1000000
modprobe hv_utils
check "vmbus-bind binds the device" bind_fcopy
mkdir -p /tmp/in/sub /tmp/in/no /tmp/small /tmp/ro
mount -t tmpfs -o size=512k tmpfs /tmp/small
mount -t tmpfs -o ro tmpfs /tmp/ro
printf '[/]\nmax-size=3M\n[/tmp/in/no]\nenable=no\n' >$conf

start() {
	starts=$((starts + 1))
	hv-fcopyd --config=$conf --state-dir=/tmp/state >>/tmp/fcopyd.log 2>&1 &
	daemon=$!
}
# Sleep for a random number of milliseconds.
moment() { usleep $(($(od -An -N2 -tu2 /dev/urandom) % $1 * 1000)); }
whole() { [ ! -e "/tmp/in/$1" ] || [ "$(stat -c %s "/tmp/in/$1")" = $size ]; }
leftovers() { find /tmp -name '.hv-fcopyd.*'; }
read_again() { [ "$(grep -c 'reloaded the configuration' /tmp/fcopyd.log)" = "$1" ]; }
# waits: whether the daemon that was started last waits for copies
starts=0
waits() { [ "$(grep -c 'waiting for Copy-VMFile' /tmp/fcopyd.log)" = "$starts" ]; }
received() { [ "$(grep -c ': received ' /tmp/fcopyd.log)" = "$1" ]; }

start
check "hv-fcopyd waits" within 20 waits
say ready
hear answered
check "the first file stayed, the forced one took its place" \
	test "$(stat -c %s /tmp/in/first)" = 5000 -a "$(stat -c %s /tmp/in/forced)" = 7000
check "files in directories, old and new" test -s /tmp/in/sub/slash -a -s /tmp/in/sub/plain -a -s /tmp/in/new/deep/file
check "nothing where it was refused" sh -c 'test -z "$(ls -A /tmp/in/no /tmp/small /tmp/ro | grep -v :)" && test ! -e /tmp/in/none -a ! -e /tmp/in/cancelled'
check "the log has six files" within 5 received 6
peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' /proc/$daemon/status)
check "it has never had more than 5 MiB of memory ($peak KiB)" test "$peak" -lt 5120

printf '[/]\nenable=no\n' >$conf
kill -HUP $daemon
within 20 read_again 1
say off
hear refused
printf '[/]\nmode=0600\n' >$conf
kill -HUP $daemon
within 20 read_again 2
say on
hear copied
check "a reload changed the mode" test "$(stat -c %a /tmp/in/private)" = 600
kill $daemon
wait $daemon
check "hv-fcopyd ended cleanly (exit status $?)" test $? = 0
: >$conf

for i in 1 2 3 4 5; do
	start
	within 20 waits
	say "up $i"
	hear "go $i"
	moment 1200
	kill -KILL $daemon
	wait $daemon
	hear "ended $i"
	check "killed in a copy, $i: the file is whole or not there" whole "k$i"
done
start
within 20 waits
check "the next start leaves nothing beside them" test -z "$(leftovers)"
say restarted
hear "after the kills"
check "and copies" test "$(stat -c %s /tmp/in/after)" = $size

for i in 1 2 3 4 5; do
	hear "taken $i"
	wait $daemon
	check "taken back in a copy, $i: exit status $?, the file is whole or not there" whole "t$i"
	within 20 /usr/lib/udev/vmbus-bind --all >/dev/null 2>&1
	start
	say "again $i"
done
hear "after the toggles"
check "copies after that" test "$(stat -c %s /tmp/in/last)" = $size
check "nothing is left beside them" test -z "$(leftovers)"
