# SPDX-License-Identifier: GPL-2.0-only
aa=/sys/kernel/security/apparmor
mount -t securityfs securityfs /sys/kernel/security
bind_fcopy
# The kernel accepts a profile only in one write.
check "the kernel takes the profile" dd if=/apparmor/profile of=$aa/.load bs=1M
check "it is there" grep -q '^hv-fcopyd (enforce)' $aa/profiles
denied() { dmesg | grep -c 'apparmor="DENIED"'; }
mkdir -p /var/lib /srv /etc/hyperv-uio
# A place below another makes the daemon read mountinfo.
printf '[/]\n[/srv/keys]\nenable=no\n' >/etc/hyperv-uio/fcopyd.conf
hv-fcopyd >/tmp/fcopyd.log 2>&1 &
daemon=$!
check "hv-fcopyd waits" within 20 grep -q "waiting for Copy-VMFile" /tmp/fcopyd.log
check "it is confined" grep -q '^hv-fcopyd (enforce)' /proc/$daemon/attr/current
rm /etc/hyperv-uio/fcopyd.conf
mount -t devpts devpts /dev/pts
check "the kernel takes the profile of a terminal" dd if=/apparmor/terminal of=$aa/.load bs=1M
check "--check-config writes to a terminal" sh -c '/apparmor/pty hv-fcopyd --check-config | grep -q "no section names a place"'
say ready
hear copied
check "the files are there" test -s /srv/x/y/a -a -s /file -a -s /usr/local/bin/a
check "nothing that it asked for was denied: $(denied)" test "$(denied)" = 0
check "the daemon's test passes although the profile would deny it its files" sh /apparmor/daemon.sh
check "and the kernel has denied it nothing: $(denied)" test "$(denied)" = 0
stop_fcopyd
# Without this check, the results above would not show that the profile can deny
# anything.
check "what it does not need is denied: /proc/version" \
	sh -c 'hv-fcopyd --check-config --config=/proc/version 2>&1 | grep -q "/proc/version: Permission denied"'
check "and the kernel says so" test "$(denied)" = 1
