# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
modprobe hv_utils
check "vmbus-bind binds the device" bind_fcopy
mkdir -p /tmp/in
hv-fcopyd --foreground --state-dir=/tmp/state >/tmp/fcopyd.log 2>&1 &
daemon=$!
has() { hv-fcopyd --status | grep -q "$1"; }
logged() { [ "$(grep -c "$1" /tmp/fcopyd.log)" = 1 ]; }
check "hv-fcopyd --status: the host has not negotiated" within 20 has '^host=owes-negotiate$'
say before
hear "ended before"
check "hv-fcopyd --status: the host talks" within 10 has '^host=talking$'

say fault
check "hv-fcopyd --status: the host has not read" within 20 has '^host=owes-read$'
hear "opened again"
check "the log says that the host is silent, once" within 10 logged "the host has fallen silent: it has not read the answers for 1[0-9][0-9] s"
check "hv-fcopyd --status: opened again, once" within 10 has '^reopened=1$'
check "hv-fcopyd --status: why" within 10 has '^last-reopen=it has not read the answers$'
say after
hear "ended after"
check "the same daemon has received both copies" within 10 sh -c "hv-fcopyd --status | grep -qx pid=$daemon && hv-fcopyd --status | grep -qx files=2"
check "the log says that the host is responding again, once" within 10 logged "the host is responding again"
check "hv-fcopyd --status: the host talks" within 10 has '^host=talking$'
kill $daemon
wait $daemon
