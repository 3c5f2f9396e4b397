# SPDX-License-Identifier: GPL-2.0-only
status_text() { systemctl show -p StatusText hv-fcopyd | grep -qE "$1"; }
lines() { journalctl -u hv-fcopyd --no-pager -o cat "$@" | grep -c .; }

warnings() { journalctl -b --no-pager -o cat -p warning "$@" | grep -v '^-- No entries'; }
check "without the device, hv-fcopyd does not run" test "$(systemctl is-active hv-fcopyd)" = inactive
check "and no line of the journal is a warning of ours" test -z "$(warnings -u hv-fcopyd)$(warnings -t vmbus-bind)$(warnings -t hv-fcopyd)"
say bare
check "with it, it does" within 40 fcopyd_runs
mkdir /srv/new
chown nobody /srv/new
printf '[/]\n[/srv/new]\nuser=nobody\nmode=0640\n' >/etc/hyperv-uio/fcopyd.conf.d/10-test.conf
check "systemctl reload" systemctl reload hv-fcopyd
# Do the same as chattr +i: FS_IOC_SETFLAGS, FS_IMMUTABLE_FL.
mkdir /srv/fixed
echo old >/srv/fixed.bin
for path in /srv/fixed /srv/fixed.bin; do
	check "$path is immutable" perl -e 'open(my $f, "<", $ARGV[0]); my $flags = pack("L!", 0x10); ioctl($f, 0x40086602, $flags) or die $!' $path
done
say ready
check "systemctl status shows bytes, percent and MB/s" \
	within 30 status_text '^StatusText=Receiving a file: [0-9]+ of 6000000 bytes, [0-9]+%, [0-9.]+ MB/s$'
say seen
hear big
rm /etc/hyperv-uio/fcopyd.conf.d/10-test.conf
systemctl reload hv-fcopyd
say plain
hear copied
check "owner and mode of a new file" test "$(stat -c %U:%a /srv/new/big)" = nobody:640
check "the file that was replaced is the new one" test "$(stat -c %s /srv/old)" = 3000
check "a new file without a configured mode has 0644" test "$(stat -c %U:%a /srv/plain)" = root:644
check "immutable: the directory is empty, and the file the old one" test "$(ls -A /srv/fixed)$(cat /srv/fixed.bin)" = old
check "systemctl status: it waits again" within 5 status_text '^StatusText=Waiting'
check "journal: four files received" test "$(lines FCOPY_EVENT=received)" = 4
check "journal: one refused, and why" test "$(lines FCOPY_EVENT=refused FCOPY_STATUS=0x80070050 FCOPY_REFUSAL=exists FCOPY_FILE=/srv/old)" = 1
# This suspends and resumes every device and VMBus itself, without writing an
# image.
echo platform >/sys/power/pm_test
check "the machine hibernates and comes back" sh -c 'echo disk >/sys/power/state'
check "systemd has started hv-fcopyd again, which waits" within 20 sh -c \
	'test "$(systemctl show -p NRestarts --value hv-fcopyd)" = 1 && test "$(journalctl -u hv-fcopyd --no-pager | grep -c "waiting for Copy-VMFile")" = 2'
say awake
hear slept
check "and copies" test "$(stat -c %s /srv/slept)" = 5000
pid=$(systemctl show -p MainPID --value hv-fcopyd)
check "five capabilities" grep -q '^CapBnd:.*000000cb$' "/proc/$pid/status"
check "a filter of system calls" grep -q '^Seccomp:.*2$' "/proc/$pid/status"
printf '[/]\ncolour=blue\n' >/etc/hyperv-uio/fcopyd.conf.d/20-bad.conf
check "a faulty configuration fails a reload, and the daemon goes on" sh -c '! systemctl reload hv-fcopyd && systemctl is-active hv-fcopyd'
systemctl restart hv-fcopyd
check "a faulty configuration keeps it from starting" within 10 sh -c 'systemctl is-failed hv-fcopyd'
check "and the journal has file, line and reason" \
	sh -c "journalctl -u hv-fcopyd --no-pager | grep -q '20-bad.conf:2: unknown key .colour'"
rm /etc/hyperv-uio/fcopyd.conf.d/20-bad.conf
say stopped
hear tried
# A read-only /var, in which the daemon has no directory
systemctl reset-failed hv-fcopyd
mount -t tmpfs -o ro tmpfs /var/lib
systemctl start hv-fcopyd
check "with a read-only /var, it runs" within 10 fcopyd_runs
check "and warns" within 10 sh -c "journalctl -u hv-fcopyd --no-pager | grep -q '/var/lib/hv-fcopyd: Read-only file system; unfinished copies'"
systemctl stop hv-fcopyd
umount /var/lib
systemctl start hv-fcopyd
check "without it, it runs" within 10 fcopyd_runs
sleep 2
check "service off: nothing comes of that copy later" sh -c 'test ! -e /srv/late && ! journalctl -u hv-fcopyd --no-pager | grep -q /srv/late'
say again
hear once
mkdir /srv/half
say half
within 60 status_text '^StatusText=Receiving a file: '
check "it is restarted in the middle of a copy" systemctl restart hv-fcopyd
hear cut
check "nothing is left of that copy" test -z "$(ls -A /srv/half)$(ls -A /var/lib/hv-fcopyd)"
say restarted
hear end

# Log the messages as doc/testing.md describes.
systemctl mask --runtime --now hv-fcopyd
hv-fcopyd -v 2>/root/fcopy.log &
logger=$!
within 10 grep -q "waiting for Copy-VMFile" /root/fcopy.log
say logging
hear logged
kill $logger
wait $logger
check "a log by hand has the copy (exit status $?)" \
	sh -c 'grep -q "^hv-fcopyd: host .* START .* path_name=./srv/by-hand. " /root/fcopy.log && grep -q "^hv-fcopyd: guest .* status=0x00000000 COMPLETE " /root/fcopy.log'
rm /run/systemd/system/hv-fcopyd.service
systemctl daemon-reload
systemctl start hv-fcopyd
check "afterwards hv-fcopyd runs again" within 10 fcopyd_runs
