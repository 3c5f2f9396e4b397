# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
messages=20000 sessions=5 seed=$(awk '{ print int($1 * 100) }' /proc/uptime)

bind_class "$class"
"$programs/signal_loop" "$class" $sessions >/tmp/loop.log 2>&1 &
pid=$!
say looping
# Wait until the host has observed enough. The program goes on until it has seen
# sub-channels often enough.
hear enough
kill -TERM $pid
check "signals and masks while sub-channels come and go" wait $pid
while read -r line; do note "$line"; done </tmp/loop.log
say ended
hear messages
start_echo -m "$seed" "$class"
say messages $messages
wait $pid
check "the echo program ended as the host asked (seed $seed): $(tail -n 1 /tmp/echo.log)" echoed
