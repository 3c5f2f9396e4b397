# SPDX-License-Identifier: GPL-2.0-only
bind_fcopy
argument() { sed -n "s/.*bench\.$1=\([0-9]*\).*/\1/p" /proc/cmdline; }
note "seed $(argument seed) (FCOPYD_SEED=$(argument seed) repeats it)"
mkdir -p /tmp/in
echo '[/tmp/in]' >/tmp/fcopyd.conf
# List files, directories and links.
entries() { find / /tmp /dev -xdev ! -path '/proc/*' ! -path '/sys/*' ! -path '/tmp/in/*' ! -path '/tmp/state*' ! -path '/tmp/entries.*' ! -path '/tmp/stamp' ! -name fcopyd.log | sort; }
: >/tmp/fcopyd.log
: >/tmp/check.out
entries >/tmp/entries.before
: >/tmp/stamp
sleep 1
LD_LIBRARY_PATH=/hostile UBSAN_OPTIONS=print_stacktrace=1 /hostile/hv-fcopyd --config=/tmp/fcopyd.conf \
	--state-dir=/tmp/state >/tmp/fcopyd.log 2>&1 &
daemon=$!
say "ready $(argument seconds):$(argument seed)"
hear over
runs() { ! over $daemon; }
check "it runs" runs
say alive
hear copied
check "the last copy is there" test "$(stat -c %s /tmp/in/good)" = 50000
stop_fcopyd || tail -n 30 /tmp/fcopyd.log | while read -r line; do note "$line"; done
check "no checker has reported anything" sh -c '! grep -E "Sanitizer|runtime error" /tmp/fcopyd.log'
entries >/tmp/entries.after
new=$(grep -vxFf /tmp/entries.before /tmp/entries.after)
changed=$(find / /tmp /etc /dev -xdev -type f -newer /tmp/stamp ! -path '/proc/*' ! -path '/tmp/in/*' ! -name 'entries.*' ! -name '*.out' ! -name fcopyd.log)
check "nothing was made or changed outside of the only directory that is allowed" test -z "$new$changed"
note "$(find /tmp/in | wc -l) entries in it, $(grep -c . /tmp/fcopyd.log) lines of log: $(grep -c receiving /tmp/fcopyd.log) copies begun, $(grep -c ' received ' /tmp/fcopyd.log) received"
