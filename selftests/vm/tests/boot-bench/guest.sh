# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# The agent runs this in each boot, as the boot number $boot. Boot 1 prepares.
# In even boots the rules of the project are there, in odd ones they are not.
boots=9
times=/var/lib/bench/times
rules=60-hyperv-uio.rules

# events: NAME MICROSECONDS of each event "add" of a VMBus device, from the log of udevd, which says when it begins with a device
# and when it has done; and of what hangs below it. A line begins with a monotonic time.
events() {
	journalctl -b -u systemd-udevd -o short-monotonic --no-pager | awk '
		{ time = $0; sub(/^\[ */, "", time); sub(/\].*/, "", time) }
		match($0, /SEQNUM=[0-9]+/) { number = substr($0, RSTART + 7, RLENGTH - 7) }
		/Processing device \(SEQNUM=[0-9]+, ACTION=add\)/ { begin[number] = time }
		/Device processed \(SEQNUM=|Device \(SEQNUM=[0-9]+, ACTION=add\) processed/ {
			if (!(number in begin) || number in done) next
			name = $0
			sub(/: Device.*/, "", name)
			sub(/.* /, "", name)
			printf "%s %d\n", name, (time - begin[number]) * 1e6
			done[number] = 1
		}'
}
median() { sort -n | awk '{ value[NR] = $1 } END { if (!NR) exit 1; print NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'; }
# of KIND WHAT: the median over the boots of a kind
of() { awk -v kind="$1" -v what="$2" '$1 == kind && $2 == what { print $3 }' $times | median; }
ratio() { awk -v a="$(of with "$1")" -v b="$(of without "$1")" 'BEGIN { if (!(b > 0)) exit 1; printf "%.2f", a / b }'; }
started() { [ "$(systemctl is-system-running)" != starting ]; }
bound() { ls -d /sys/bus/vmbus/devices/*/uio 2>/dev/null | wc -l; }
us() { systemctl show -p "$1" --value; }

check "boot $boot: the system has started" within 300 started
if [ "$boot" = 1 ]; then
	printf '[7d3c5a10-41b2-4f0e-9a6c-0d5b1e2f3a44]\nring_size=64K\nmode=0660\n' >/etc/hyperv-uio/bind.d/50-own.conf
	echo 'udev_log=debug' >>/etc/udev/udev.conf
	# The journal takes all of that.
	mkdir -p /etc/systemd/journald.conf.d
	printf '[Journal]\nRateLimitIntervalSec=0\n' >/etc/systemd/journald.conf.d/bench.conf
else
	kind=with
	[ ! -e /etc/udev/rules.d/$rules ] || kind=without
	events >/tmp/events
	for device in /sys/bus/vmbus/devices/*; do
		sed -n "s/^$(basename "$device") //p" /tmp/events | while read -r time; do echo "$kind device $time" >>$times; done
	done
	sed -n 's/^uio[0-9]* //p' /tmp/events | while read -r time; do echo "$kind uio $time" >>$times; done
	echo "$kind boot $(($(us FinishTimestampMonotonic) - $(us UserspaceTimestampMonotonic)))" >>$times
	note "boot $boot $kind the rules: $(bound) bound; $(tail -n 8 $times | cut -d ' ' -f 2- | tr '\n' ';')"
	[ "$kind" = without ] || check "boot $boot: three devices are bound" test "$(bound)" = 3
	[ "$kind" = with ] || check "boot $boot: none is bound by a rule of ours" test "$(bound)" -le 1
fi
if [ $((boot % 2)) = 1 ]; then rm -f /etc/udev/rules.d/$rules; else ln -sf /dev/null /etc/udev/rules.d/$rules; fi
[ "$boot" -ge $boots ] || restart
note "table Linux $(uname -r), $(systemctl --version | head -n 1); medians of $(((boots - 1) / 2)) boots of each kind, in microseconds"
for what in device boot; do
	note "table $what: with the rules $(of with $what), without $(of without $what), ratio $(ratio $what)"
done
note "table uio: with the rules $(of with uio)"
check "both kinds of boot were measured" ratio device
say measured
hear finished
