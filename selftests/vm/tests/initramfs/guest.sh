# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# The agent runs this script in each boot. $boot is the number of the boot. The
# first boot uses the bench's initramfs. In boots 2 to 11 the guest's own
# initramfs loads hv_utils; in 12 and 13 it also contains vmbus-bind.
nic=$nic_instance
device=$device_instance
vmbus=/sys/bus/vmbus/devices
own=/boot/initrd.img-$(uname -r)

# in_initramfs DRIVER: whether VMBus had this driver before systemd started
in_initramfs() { dmesg | sed '/systemd\[1\]: /q' | grep -q "hv_vmbus: registering driver $1\$"; }
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
not() { ! "$@"; }
lacks() { lsinitramfs "$own" >/tmp/list && ! grep -q "$1" /tmp/list; }

copy_arrives_at_boot

case $boot in
1)
	check "boot 1: hv_utils came after the initramfs, if at all" not in_initramfs hv_utils
	# Build an image with only the requested modules. The bench's initramfs
	# loads the drivers of the disk.
	printf 'MODULES=list\n' >/etc/initramfs-tools/conf.d/bench
	printf 'hv_utils\nhv_netvsc\n' >>/etc/initramfs-tools/modules
	printf '[%s]\nring_size=64K\ngroup=nogroup\nmode=0660\nlink=tests/device\n' "$device_class" >/etc/hyperv-uio/bind.d/50-device.conf
	# A rule names the only NIC, without force.
	printf '[nic]\n' >/etc/hyperv-uio/bind.d/50-nic.conf
	check "update-initramfs" makes_initramfs
	check "nobody asked for vmbus-bind in it" lacks vmbus-bind
	;;
11)
	touch /etc/hyperv-uio/initramfs
	check "update-initramfs, with vmbus-bind" makes_initramfs
	check "vmbus-bind is in it, and its rules" sh -c "lsinitramfs $own | grep -c -e '/udev/vmbus-bind\$' -e '/60-hyperv-uio.rules\$' -e 'bind.d/50-device.conf\$' | grep -qx 3"
	;;
esac
if [ "$boot" -gt 1 ]; then
	check "boot $boot: the initramfs loaded hv_utils" in_initramfs hv_utils
	check "boot $boot: the NIC was left to the kernel" has_driver "$nic" hv_netvsc
fi
# Before Linux 6.10 hv_utils takes the file copy device, here before udev of the
# system runs vmbus-bind.
taken_over() { journal -t vmbus-bind | grep "$fcopy_instance.*taken over from hv_utils"; }
if [ "$boot" -gt 1 ] && [ "$boot" -lt 12 ] && hv_utils_takes_fcopy; then
	check "boot $boot: vmbus-bind took the file copy device over from hv_utils" taken_over
fi
if [ "$boot" -gt 11 ]; then
	check "boot $boot: the initramfs loaded uio_hv_generic" in_initramfs uio_hv_generic
	check "boot $boot: a device of one's own has it" has_driver "$device" uio_hv_generic
	check "boot $boot: ring size, group and mode" within 5 settings_hold
	check "boot $boot: vmbusctl doctor finds vmbus-bind in the initramfs" sh -c "vmbusctl doctor | grep -q 'contains vmbus-bind and the current rules'"
fi
[ "$boot" -ge 13 ] || restart
