# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# The agent runs this script in each boot. $boot is the number of the boot.
boots=10
copy_arrives_at_boot
if [ "$boot" = $((boots - 1)) ]; then
	# Keep the journal of this boot, because the host now needs 20 seconds
	# to close the device when hv-fcopyd stops.
	mkdir -p /var/log/journal && journalctl --flush
	hear slow
fi
[ "$boot" -ge "$boots" ] || restart
check "all files are there" test "$(find /srv -name 'file-*' | wc -l)" = "$boots"

# stopped: print the seconds that hv-fcopyd took to stop in the last shutdown
stopped() {
	journalctl -b -1 -u hv-fcopyd --no-pager -o short-unix >/tmp/stop.log || return
	awk '/: Stopping / { from = $1 } /: Stopped / { to = $1 } END { if (!from || !to) exit 1; print int(to - from) }' /tmp/stop.log
}
seconds=$(stopped) || while IFS= read -r line; do note "$line"; done </tmp/stop.log
check "the host was slow: hv-fcopyd took ${seconds:-?} s to stop in the last shutdown" [ "${seconds:-0}" -ge 15 ]
check "and systemd neither killed it nor counted a failure" sh -c '[ -s /tmp/stop.log ] && ! grep -i -e "timed out" -e kill -e fail /tmp/stop.log'
