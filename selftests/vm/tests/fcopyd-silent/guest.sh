# SPDX-License-Identifier: GPL-2.0-only
bind_fcopy
mkdir -p /tmp/in
fcopyd_again --state-dir=/tmp/state >/tmp/fcopyd.log 2>&1 &
daemon=$!
logged() { [ "$(grep -c "$1" /tmp/fcopyd.log)" = 1 ]; }
check "hv-fcopyd waits" within 20 logged "waiting for Copy-VMFile"
say before
hear "ended before"

say fault
hear "opened again"
check "the log says that the host is silent, once" within 10 logged "the host has fallen silent: it does not read the answers"
check "hv-fcopyd has ended, and the next one waits" within 10 sh -c '[ "$(grep -c "waiting for Copy-VMFile" /tmp/fcopyd.log)" = 2 ]'
say after
hear "ended after"
check "both copies were received" within 10 sh -c '[ "$(grep -c ": received " /tmp/fcopyd.log)" = 2 ]'
kill $daemon
wait $daemon
