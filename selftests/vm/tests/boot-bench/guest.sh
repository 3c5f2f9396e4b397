# SPDX-License-Identifier: GPL-2.0-only
# The agent runs this script in each boot. $boot is the number of the boot. Boot
# 1 only prepares. After it, even boots have the project's udev rules, and odd
# boots do not.
boots=9
rules='60-hyperv-uio.rules 61-hv-fcopyd.rules'

# events: print NAME MICROSECONDS for each event "add" of a VMBus device and of
# the devices below it. udevd logs when it begins to handle a device and when it
# has finished. A line begins with a monotonic time.
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
started() { [ "$(systemctl is-system-running)" != starting ]; }
bound() { ls -d /sys/bus/vmbus/devices/*/uio 2>/dev/null | wc -l; }
us() { systemctl show -p "$1" --value; }

check "boot $boot: the system has started" within 300 started
# systemd does not wait for the events of these devices.
check "boot $boot: udev has handled all events" udevadm settle --timeout=300
if [ "$boot" = 1 ]; then
	printf '[%s]\nring_size=64K\nmode=0660\n' "$device_class" >/etc/hyperv-uio/bind.d/50-own.conf
	echo 'udev_log=debug' >>/etc/udev/udev.conf
	# Let the journal accept all of these lines.
	mkdir -p /etc/systemd/journald.conf.d
	printf '[Journal]\nRateLimitIntervalSec=0\n' >/etc/systemd/journald.conf.d/bench.conf
else
	kind=with
	[ ! -e /etc/udev/rules.d/60-hyperv-uio.rules ] || kind=without
	events >/tmp/events
	for device in /sys/bus/vmbus/devices/*; do
		name=device
		# No rule names this one: see settings.
		case $device in */5d0e8a6c-*) name=other ;; esac
		sed -n "s/^$(basename "$device") /$name /p" /tmp/events
	done >/tmp/times
	# The module and the class have the name uio, without a number.
	sed -n 's/^uio[0-9][0-9]* /uio /p' /tmp/events >>/tmp/times
	echo "boot $(($(us FinishTimestampMonotonic) - $(us UserspaceTimestampMonotonic)))" >>/tmp/times
	while read -r line; do say "time $kind $line"; done </tmp/times
	note "boot $boot $kind the rules: $(bound) bound; $(tr '\n' ';' </tmp/times)"
	[ "$kind" = without ] || check "boot $boot: three devices are bound" test "$(bound)" = 3
	[ "$kind" = with ] || check "boot $boot: none is bound by a rule of ours" test "$(bound)" -le 1
fi
for file in $rules; do
	if [ $((boot % 2)) = 1 ]; then rm -f "/etc/udev/rules.d/$file"; else ln -sf /dev/null "/etc/udev/rules.d/$file"; fi
done
[ "$boot" -ge $boots ] || restart
say "measured Linux $(uname -r), $(systemctl --version | head -n 1)"
hear finished
