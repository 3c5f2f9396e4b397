# SPDX-License-Identifier: GPL-2.0-only
# The agent runs this script in each boot. $boot is the number of the boot.
export DEBIAN_FRONTEND=noninteractive
fcopy=$(vmbus_device "$fcopy_class")
this=$(cat ./VERSION)
next=$(cat ./NEXT)

stock_driver=$(stock_fcopy_driver)

ours() { dpkg-query -W -f '${Status} ${Package} ${Version}\n' '*hyperv-uio*' 'libvmbus-bufring*' 2>/dev/null | sed -n 's/^install ok installed //p'; }
# all_of_ours: print the names of the packages that the project builds. The
# image has them all, and so have ./old and ./next.
all_of_ours() {
	printf '%s\n' hyperv-uio hyperv-uio-dkms hyperv-uio-fcopyd hyperv-uio-selftests libvmbus-bufring-dev libvmbus-bufring0
}
# are VERSION: whether all packages are installed and have this version, and
# dkms has the module only of this version
are() {
	ours
	dkms status
	[ "$(ours | cut -d' ' -f1 | sort)" = "$(all_of_ours | sort)" ] && ! ours | grep -vF " $1-" &&
		dkms status | grep -q "uio_hv_generic.*$1.*installed" && ! dkms status | grep uio_hv_generic | grep -vF "$1" &&
		[ "$(modinfo -F version uio_hv_generic)" = "1:$1" ]
}
# differs: list the installed files that differ from those in our packages. The
# guest has no manual pages of any package.
differs() { ours | cut -d' ' -f1 | xargs dpkg -V | grep -v ' /usr/share/man/'; }
# started_with_configuration: whether the daemon runs, and started after dpkg
# had put its configuration in place. The profile comes at the same time.
started_with_configuration() {
	local start
	start=$(date -d "$(systemctl show -p ExecMainStartTimestamp --value hv-fcopyd)" +%s) &&
		new_daemon && [ "$start" -ge "$(stat -c %Z /etc/hyperv-uio/fcopyd.conf)" ]
}

link=/dev/vmbus/by-class/fcopy
# in_chroot COMMAND: run a shell command in a chroot on an overlay of /, with
# the guest's own /proc, /sys, /dev and /run. These mounts end with the command.
# The changes to files stay in /mnt/upper, which is on a tmpfs because overlayfs
# refuses an upper directory below its lower one.
in_chroot() {
	unshare --mount --propagation private sh -ec '
		mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
		for tree in proc sys dev run; do mount --rbind "/$tree" "/mnt/root/$tree"; done
		exec chroot /mnt/root sh -ec "$1"' in_chroot "$1"
}
# sees_the_guest: whether the chroot is one, and yet has everything that the
# maintainer scripts look for before they change the running system. Then only
# their ischroot keeps them from that.
sees_the_guest() {
	in_chroot "ischroot && ! systemd-detect-virt --container && [ -d /run/systemd/system ] && [ -S /run/udev/control ] &&
		[ -d '$fcopy' ] && [ -c $link ] &&
		[ -d /sys/kernel/security/apparmor ] &&
		command -v apparmor_parser"
}
# outside: print what the packages in a chroot must not change
outside() {
	echo "$(driver "$fcopy") $(uio_of "$fcopy") $(readlink -f $link)"
	echo "module $(cat /sys/module/uio_hv_generic/initstate)"
	echo "hv-fcopyd $(systemctl show -p MainPID --value hv-fcopyd)"
	confined
	ours
	find /run/hyperv-uio /run/systemd/system -printf '%p %l\n' 2>&1 | sort
}
# as_before: whether the device is bound, with its link, and nothing has changed
# since the output of outside is in /tmp/outside
as_before() { has_driver "$fcopy" uio_hv_generic && [ -c $link ] && confined && outside | diff /tmp/outside -; }

case $boot in
1)
	mkdir -p /srv
	copy_arrives installed
	check "installed: this version" are "$this"
	check "vmbus-bind.path is started, and enabled" systemctl enable --now vmbus-bind.path
	say half
	check "a copy is under way" within 60 receives
	check "upgrade" apt_install ./next/*.deb
	check "upgrade: all packages are new, and nothing of the old version is left" are "$next"
	check "upgrade: vmbus-bind.path runs as before" systemctl is-active vmbus-bind.path
	say upgraded
	hear cut
	rest >/tmp/rest
	check "upgrade: nothing is left of the copy that was stopped" sh -c 'cat /tmp/rest; test ! -s /tmp/rest'
	check "upgrade: the new hv-fcopyd runs" within 30 new_daemon
	copy_arrives upgraded
	restart
	;;
2)
	copy_arrives rebooted
	check "rebooted: the new module is loaded" test "$(cat /sys/module/uio_hv_generic/version)" = "1:$next"
	check "downgrade" apt_install --allow-downgrades ./old/*.deb
	check "downgrade: all packages are old, and nothing of the new version is left" are "$this"
	copy_arrives downgraded
	new=$(cat ./RELEASE)
	# An initramfs would take a minute, and nothing boots it.
	export INITRD=No
	check "kernel upgrade: apt installs Linux $new and its headers" apt_install ./kernel/*.deb
	check "kernel upgrade: dkms has built the module for it" ours_for "$new" "$this"
	rm /usr/sbin/vmbusctl
	echo >>/usr/lib/udev/rules.d/61-hv-fcopyd.rules
	check "two files of ours differ" test "$(differs | wc -l)" = 2
	check "reinstallation" apt_install --reinstall ./old/*.deb
	check "reinstallation: this version" are "$this"
	differs >/tmp/differs
	check "reinstallation: the running kernel has the module" ours_for "$(uname -r)" "$this"
	check "reinstallation: the other kernel has it again, too" ours_for "$new" "$this"
	check "reinstallation: no file differs" sh -c 'cat /tmp/differs; test ! -s /tmp/differs'
	copy_arrives reinstalled
	check "apt removes hyperv-daemons" apt-get purge -y hyperv-daemons
	check "apt installs hyperv-daemons after ours" apt_install ./daemons/*.deb
	if has_stock_daemon; then check "hyperv-daemons: $stock_unit does not start" stock_refused; fi
	copy_arrives hyperv-daemons
	# shellcheck disable=SC2046 # words
	check "removal" apt-get remove -y $(ours | cut -d' ' -f1)
	check "removal: the device has the driver that it has without us (${stock_driver:-none})" given_back "$fcopy" "$stock_driver"
	check "removal: neither kernel has our module, $(uname -r) and $new" none_for "$(uname -r)" "$new"
	check "removal: the kernel's own module is where its package put it" own_module
	check "purge" sh -c "dpkg-query -W -f '\${Package}\n' '*hyperv-uio*' 'libvmbus-bufring*' | xargs apt-get purge -y"
	check "purge: nothing of ours is left" within 20 nothing_left
	check "purge: no unit has failed" no_unit_failed
	if [ "$stock_driver" = hv_utils ]; then
		say "removed, hv_utils has the device"
		stock_copies
	else
		say "removed, the device has the driver ${stock_driver:-none}"
	fi
	# Otherwise dkms would build the module for this kernel, too.
	check "apt removes Linux $new" apt-get purge -y "linux-image-$new" "linux-headers-$new"
	check "apt installs AppArmor" apt_install ./apparmor/*.deb
	check "installation" apt_install ./old/*.deb
	check "installation: this version" are "$this"
	check "installation: no unit has failed" no_unit_failed
	check "installation: hv-fcopyd started when its configuration was there" within 30 started_with_configuration
	check "installation: AppArmor confines it" within 30 confined
	copy_arrives again
	# Purge and install in a chroot. hyperv-uio-dkms stays installed there,
	# because dkms would need minutes to build the module again, and the
	# postinst does nothing to a module that a device uses. The rule is for
	# the prerm of hyperv-uio, which runs when the rule of hyperv-uio-fcopyd
	# is gone.
	mount -t tmpfs chroot /mnt
	mkdir /mnt/upper /mnt/work /mnt/root
	outside >/tmp/outside
	check "chroot: it has the guest's devices, udev, systemd and AppArmor" sees_the_guest
	check "chroot: apt purges hyperv-uio and hyperv-uio-fcopyd there" in_chroot \
		'echo "[fcopy]" >/etc/hyperv-uio/bind.d/50-fcopy.conf; apt-get purge -y hyperv-uio hyperv-uio-fcopyd; test ! -e /usr/lib/udev/vmbus-bind'
	check "chroot: outside, the device, hv-fcopyd, its profile and its files in /run are as before" as_before
	check "chroot: apt installs them there" in_chroot \
		'cd /run/bench; apt-get install -y --no-install-recommends ./old/hyperv-uio_*.deb ./old/hyperv-uio-fcopyd_*.deb; test -e /usr/lib/udev/vmbus-bind'
	check "chroot: and outside all is as before" as_before
	# The parser would have written its cache, which the purge has removed.
	check "chroot: no profile was loaded from there" sh -c '! find /mnt/upper/var/cache/apparmor -type f -name hv-fcopyd | grep .'
	check "chroot: its files are unmounted" umount /mnt
	copy_arrives chroot
	;;
esac
