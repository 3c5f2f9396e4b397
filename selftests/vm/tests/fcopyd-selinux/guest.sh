# SPDX-License-Identifier: GPL-2.0-only
se=/sys/fs/selinux
modprobe ext4
insmod /selinux/loop.ko
bind_fcopy
mkdir -p /srv /var/lib/hv-fcopyd /usr/local/bin /home/user /mnt/tmpfs /mnt/disk
mount -t tmpfs tmpfs /mnt/tmpfs
# Put files that need a label on a disk, because the policy has no label for
# files of a rootfs.
zcat /selinux/disk.gz >/tmp/disk
mount -t ext4 -o loop /tmp/disk /mnt/disk
for place in etc home srv var/lib; do
	mkdir -p /mnt/disk/$place
	cp -a /$place/. /mnt/disk/$place/
	mount -o bind /mnt/disk/$place /$place
done
echo "root:*:20000:0:99999:7:::" | tee /etc/shadow >/etc/shadow-
ln -s shadow /etc/link
mkfifo /etc/pipe
echo text >/home/user/theirs
chown 1000 /home/user /home/user/theirs
chmod 700 /home/user

mount -t selinuxfs selinuxfs $se
# The kernel accepts a policy only in one write.
check "the kernel takes the policy, with our module in it" dd if=/etc/selinux/default/policy/policy.33 of=$se/load bs=16M
restorecon -RF / >/tmp/restorecon.log 2>&1 || note "restorecon: $(tail -n 1 /tmp/restorecon.log)"
label() { getfattr -h -n security.selinux "$1" | sed -n 's/^security.selinux="[^:]*:[^:]*:\([^:]*\):.*/\1/p'; }
has_label() { test -n "$2" -a "$(label "$1")" = "$2" || { label "$1" && false; }; }
check "the daemon has its label" has_label /usr/sbin/hv-fcopyd hv_fcopyd_exec_t
check "so has its state" has_label /var/lib/hv-fcopyd hv_fcopyd_var_lib_t
check "the device has the policy's own" has_label /dev/uio0 userio_device_t
# Let the kernel log every denial.
echo 0 >/proc/sys/kernel/printk_ratelimit
check "SELinux enforces" sh -c "echo 1 >$se/enforce && grep -qx 1 $se/enforce"

denials() { dmesg | grep 'avc: *denied' | grep -e 'scontext=[^ ]*:hv_fcopyd_t:' -e 'comm="hv-fcopyd"'; }
# run [-r]: start the daemon, and wait until it is ready for the host, because a
# copy would otherwise never end
run() {
	/selinux/unit "$@" /tmp/fcopyd.log hv-fcopyd &
	daemon=$!
	check "hv-fcopyd waits" within 20 grep -q "waiting for Copy-VMFile" /tmp/fcopyd.log || {
		note "$(tail -n 1 /tmp/fcopyd.log); $(denials | tail -n 3)"
		return 1
	}
	check "it is in its domain" grep -q ':hv_fcopyd_t:' /proc/$daemon/attr/current
}
# end: end the daemon, and check that nothing was denied
end() {
	stop_fcopyd
	denials >/tmp/denials
	check "nothing that it asked for was denied" test ! -s /tmp/denials || while read -r line; do note "$line"; done </tmp/denials
}
# A whole test may take less than a second, which busybox does not distinguish.
touch -d 2000-01-01 /tmp/before /etc/shadow /home/user/theirs
run || return
say ready
hear copied
placed() { test -f "$1" -a ! -L "$1" -a -s "$1" && has_label "$1" "$(label "${1%/*}/")"; }
for file in /srv/x/y/a /file /usr/local/bin/a /etc/a /etc/link /home/user/a /mnt/tmpfs/new/a; do
	check "$file is there, with the label of its directory: $(label $file)" placed $file
done
end
# copied FILE CONTEXT: whether the file is new and has this context
copied() { test -s "$1" -a "$1" -nt /tmp/before && getfattr -n security.selinux "$1" | grep -qxF "security.selinux=\"$2\""; }
check "/etc/shadow is new, with the label of the old one" copied /etc/shadow system_u:object_r:shadow_t:s0
check "a user's file is new, with the label and the SELinux user of the old one" copied /home/user/theirs unconfined_u:object_r:user_home_t:s0
printf '[/]\nselinux-label=system_u:object_r:usr_t:s0\n' >/etc/hyperv-uio/fcopyd.conf
run -r || return
say again
hear copied again
check "a new file has the label that fcopyd.conf names" copied /home/user/b system_u:object_r:usr_t:s0
end

# Without this check, the results above would not show that the policy can deny
# anything. A shell in the domain tries:
in_domain() { /selinux/unit /tmp/shell.log /selinux/busybox sh -c "$1"; }
check "a shell in the domain can write a file" in_domain 'echo text >/srv/text'
# denied TYPE DESCRIPTION COMMAND: check that the command fails, and that the
# kernel has logged a denial for the type
denied() {
	before=$(denials | wc -l)
	in_domain "$3"
	status=$?
	denials | tail -n +$((before + 1)) >/tmp/denials
	check "$2 is denied" sh -c "test $status != 0 && grep 'tcontext=[^ ]*:$1:.*permissive=0' /tmp/denials" ||
		note "exit status $status; $(cat /tmp/denials)"
}
denied sysfs_t "writing in /sys" 'echo Y >/sys/module/printk/parameters/time'
denied sysctl_fs_t "writing in /proc/sys/fs" 'echo 1000 >/proc/sys/fs/file-max'
denied proc_t "writing in /proc" 'echo h >/proc/sysrq-trigger'
denied device_t "a new file in /dev" 'echo text >/dev/text'
denied memory_device_t "/dev/mem" 'read -r line </dev/mem'
check "reading the passwords fails" sh -c '! /selinux/unit /tmp/shell.log /selinux/busybox sh -c "read -r line </etc/shadow-"'
denied bin_t "running a program" '/bin/busybox true'
