# SPDX-License-Identifier: GPL-2.0-only
conf=/tmp/fcopyd.conf
bind_fcopy
mkdir -p /tmp/in/no /tmp/small /tmp/ro
mount -t tmpfs -o size=512k tmpfs /tmp/small
mount -t tmpfs -o ro tmpfs /tmp/ro
printf '[/]\nmax-size=3M\n[/tmp/in/no]\nenable=no\n' >$conf

hv-fcopyd --config=$conf --state-dir=/tmp/state >/tmp/fcopyd.log 2>&1 &
daemon=$!
check "hv-fcopyd waits" within 20 grep -q 'waiting for Copy-VMFile' /tmp/fcopyd.log
say ready
hear answered
check "the file is there" test "$(stat -c %s /tmp/in/first)" = 5000
check "nothing where it was refused" sh -c 'test -z "$(ls -A /tmp/in/no /tmp/small /tmp/ro | grep -v :)" && test ! -e /tmp/in/cancelled'
check "the log has one file" within 5 sh -c 'test "$(grep -c ": received " /tmp/fcopyd.log)" = 1'
peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' /proc/$daemon/status)
check "it has never had more than 5 MiB of memory ($peak KiB)" test "$peak" -lt 5120
stop_fcopyd
