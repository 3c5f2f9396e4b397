# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# The agent runs this script in each boot. $boot is the number of the boot. The
# first boot uses the bench's initramfs. In boots 2 to 11 the guest's own
# initramfs loads hv_utils; in 12 and 13 it also contains vmbus-bind. In boot 14
# the initramfs is one of dracut. In boots 13 and 14 only the initramfs has the
# rule for the device.
nic=$nic_instance
device=$device_instance
vmbus=/sys/bus/vmbus/devices
own=/boot/initrd.img-$(uname -r)
rule=/etc/hyperv-uio/bind.d/50-device.conf

# in_initramfs DRIVER: whether VMBus had this driver before systemd started
in_initramfs() { dmesg | sed '/systemd\[1\]: /q' | grep -q "hv_vmbus: registering driver $1\$"; }
# find_times: find when udev handled the UIO device of the device, and when
# systemd started on the disk. The database of udev survives the initramfs.
find_times() {
	udevadm info "$vmbus/$device"/uio/uio* >/tmp/uio || return
	initialized=$(sed -n 's/^E: USEC_INITIALIZED=//p' /tmp/uio)
	systemd=$(systemctl show -p UserspaceTimestampMonotonic --value)
	echo "udev handled the UIO device at $initialized us, systemd started at $systemd us"
	[ "$initialized" -gt 0 ] && [ "$systemd" -gt 0 ]
}
bound_in_initramfs() { find_times && [ "$initialized" -lt "$systemd" ]; }
# bound_later: whether the device was bound after the initramfs
bound_later() { has_driver "$device" uio_hv_generic && find_times && [ "$initialized" -ge "$systemd" ]; }
# bound_without_rule: whether the device is bound, and no rule on the disk names
# it
bound_without_rule() {
	vmbusctl show "$device" | tee /tmp/rules
	has_driver "$device" uio_hv_generic && grep -q 'outcome  *no-rule: ' /tmp/rules
}
settings_hold() {
	[ "$(stat -Lc %G:%a /dev/vmbus/tests/device)" = nogroup:660 ] &&
		[ "$(stat -c %G:%a "$vmbus/$device"/channels/*/ring)" = nogroup:660 ] &&
		[ "$(stat -c %s "$vmbus/$device"/channels/*/ring)" = 131072 ]
}
# The guest has no initramfs before this. Debian 13's consists of two archives,
# and the first is not compressed.
makes_initramfs() {
	if [ -e "$own" ]; then update-initramfs -u; else update-initramfs -c -k "$(uname -r)"; fi || return 1
	rm -rf "$bench/initramfs"
	unmkinitramfs "$own" "$bench/initramfs" && [ -x "$bench/initramfs/init" ]
}
# makes_dracut: make an initramfs with dracut. The guest has no network and no
# keyboard, and the bench's initramfs loads the drivers of the disk.
makes_dracut() {
	dracut --force --no-hostonly-cmdline --hostonly --no-compress --no-early-microcode \
		--omit "network plymouth i18n crypt lvm mdraid dm multipath kernel-network-modules" /boot/dracut.img "$(uname -r)" || return
	rm -rf "$bench/initramfs"
	mkdir "$bench/initramfs"
	(cd "$bench/initramfs" && cpio -id --quiet </boot/dracut.img) && [ -x "$bench/initramfs/init" ]
}
not() { ! "$@"; }
lacks() { lsinitramfs "$own" >/tmp/list && ! grep -q "$1" /tmp/list; }
# has_all PROGRAM IMAGE: whether the image has all that vmbus-bind needs in it
has_all() {
	"$1" "$2" >/tmp/list || return
	for file in udev/vmbus-bind udev/rules.d/60-hyperv-uio.rules hyperv-uio/bind.d/10-fcopy.conf hyperv-uio/bind.d/50-device.conf \
		"updates/dkms/uio_hv_generic.ko.*" "hv_vmbus.ko.*" "uio_pci_generic.ko.*"; do
		grep "$file\$" /tmp/list || { echo "$file is missing" && return 1; }
	done
}

copy_arrives_at_boot

case $boot in
1)
	check "boot 1: hv_utils came after the initramfs, if at all" not in_initramfs hv_utils
	# Build an image with only the requested modules. The bench's initramfs
	# loads the drivers of the disk.
	printf 'MODULES=list\n' >/etc/initramfs-tools/conf.d/bench
	printf 'hv_utils\nhv_netvsc\n' >>/etc/initramfs-tools/modules
	printf '[%s]\nring_size=64K\ngroup=nogroup\nmode=0660\nlink=tests/device\n' "$device_class" >$rule
	# A rule names the only NIC, which hv_netvsc has in the initramfs.
	# Another one names a driver that is not loaded, for a device that the
	# machine does not have.
	printf '[%s]\n' "$nic" >/etc/hyperv-uio/bind.d/50-nic.conf
	printf '[mouse]\ndriver=uio_pci_generic\n' >/etc/hyperv-uio/bind.d/50-mouse.conf
	check "update-initramfs" makes_initramfs
	check "nobody asked for vmbus-bind in it" lacks vmbus-bind
	;;
11)
	touch /etc/hyperv-uio/initramfs
	check "update-initramfs, with vmbus-bind" makes_initramfs
	check "vmbus-bind is in it, with its udev rules, rules and module" has_all lsinitramfs "$own"
	;;
esac
if [ "$boot" -gt 1 ]; then
	[ "$boot" = 14 ] || check "boot $boot: the initramfs loaded hv_utils" in_initramfs hv_utils
	[ "$boot" -ge 12 ] || check "boot $boot: and hv_netvsc" in_initramfs hv_netvsc
	check "boot $boot: the NIC is user space's, as its rule says" within 30 has_driver "$nic" uio_hv_generic
fi
# Before Linux 6.10 hv_utils takes the file copy device, here before udev of the
# system runs vmbus-bind.
taken_over() { journal -t vmbus-bind | grep "$fcopy_instance.*taken over from hv_utils"; }
if [ "$boot" -gt 1 ] && [ "$boot" -lt 12 ]; then
	! hv_utils_takes_fcopy || check "boot $boot: vmbus-bind took the file copy device over from hv_utils" taken_over
	check "boot $boot: a device of one's own was bound after the initramfs" bound_later
fi
case $boot in
12)
	check "boot 12: the initramfs loaded uio_hv_generic" in_initramfs uio_hv_generic
	check "boot 12: a device of one's own was bound in the initramfs" bound_in_initramfs
	check "boot 12: ring size, group and mode" within 5 settings_hold
	check "boot 12: vmbusctl doctor finds vmbus-bind in the initramfs" sh -c "vmbusctl doctor | grep -q 'contains vmbus-bind and the current module and rules'"
	mv $rule /root/
	;;
13)
	check "boot 13: a device of one's own was bound in the initramfs" bound_in_initramfs
	check "boot 13: by the rule that only the initramfs has" bound_without_rule
	check "boot 13: vmbusctl doctor says that the initramfs does not have the current rules" \
		sh -c "vmbusctl doctor | grep 'is older than /etc/hyperv-uio/bind.d, so it does not contain the current module and rules'"
	mv /root/${rule##*/} $rule
	check "dracut, with vmbus-bind" makes_dracut
	check "vmbus-bind is in it, with its udev rules, rules and module" has_all lsinitrd /boot/dracut.img
	mv $rule /root/
	;;
14)
	check "boot 14: a device of one's own was bound by the rule that only dracut's initramfs has" bound_without_rule
	# The host asks its NIC once more.
	hear checked
	;;
esac
[ "$boot" -ge 14 ] || restart
