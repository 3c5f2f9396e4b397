# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# The agent runs this script in each boot. $boot is the number of the boot.
nic=$nic_instance
other=$nic2_instance
device=$device_instance
nic_mac=00:15:5d:55:00:02
other_mac=00:15:5d:55:01:02
rules=/etc/hyperv-uio/bind.d
vmbus=/sys/bus/vmbus/devices

interface() { basename "$vmbus/$1"/net/* 2>/dev/null; }
has_interface() { [ -d "$vmbus/$1/net" ]; }
default_route() { ip -4 route show default | grep -q 'via 10.55.0.1'; }
preview() { /usr/lib/udev/vmbus-bind --dry-run --all; }
# said PATTERN: whether vmbus-bind has logged this in the present boot
said() { journal -t vmbus-bind | grep -q "$1"; }
node() { readlink -f /dev/vmbus/tests/device; }
# settings_hold: whether the node and the ring file have the settings of the
# rule
settings_hold() {
	[ "$(stat -Lc %G:%a /dev/vmbus/tests/device)" = nogroup:660 ] &&
		[ "$(stat -c %G:%a $vmbus/"$device"/channels/*/ring)" = nogroup:660 ] &&
		[ "$(stat -c %s $vmbus/"$device"/channels/*/ring)" = 131072 ]
}
# opens: whether an unprivileged user can open the node, and with it the channel
opens() { setpriv --reuid=nobody --regid=nogroup --clear-groups dd if=/dev/vmbus/tests/device of=/dev/null count=0; }
offered() { [ -d "$vmbus/$device" ]; }
not_offered() { ! offered; }

case $boot in
1)
	check "boot 1: both NICs are the kernel's" within 30 sh -c "test -d $vmbus/$nic/net && test -d $vmbus/$other/net"
	printf '[Match]\nMACAddress=%s\n[Network]\nAddress=10.55.0.2/24\nGateway=10.55.0.1\n' $nic_mac >/etc/systemd/network/10-first.network
	systemctl enable --now systemd-networkd
	check "the first NIC has the default route" within 30 default_route
	say "network 1"
	hear pinged
	printf '[nic]\n' >$rules/50-nic.conf
	preview >/tmp/preview 2>&1
	check "preview: the NIC with the default route is refused now" \
		grep -q "^$nic .*: now: not bound to .*interface $(interface "$nic") has the default route" /tmp/preview
	check "preview: and at the next boot" grep -q "^$nic .*: at the next boot: not bound to " /tmp/preview
	check "preview: the other one is bound" grep -q "^$other .*: now: .*uio_hv_generic" /tmp/preview
	printf '[%s]\nring_size=64K\ngroup=nogroup\nmode=0660\nlink=tests/device\n' "$device_class" >$rules/50-device.conf
	/usr/lib/udev/vmbus-bind --all
	check "vmbus-bind --all: the first NIC is still the kernel's" has_driver "$nic" hv_netvsc
	check "vmbus-bind --all: the other one is user space's" has_driver "$other" uio_hv_generic
	check "vmbus-bind --all: a class of one's own, too" has_driver "$device" uio_hv_generic
	check "ring size, group and mode" within 5 settings_hold
	check "a user without privileges opens it" opens
	# Write a faulty file that names the device.
	printf '[%s]\nring_size=many\n' "$device" >$rules/70-faulty.conf
	check "a faulty file: vmbus-bind --check names it" sh -c "! /usr/lib/udev/vmbus-bind --check >/tmp/check.txt 2>&1; grep -q '70-faulty.conf:2' /tmp/check.txt"
	say "rescind 1"
	check "the device goes" within 20 not_offered
	hear rescinded
	say "offer 1"
	check "it comes back" within 20 offered
	check "and is left alone, as the faulty file names it" within 20 said "70-faulty.conf"
	check "it has no driver" has_driver "$device" ''
	rm $rules/70-faulty.conf
	/usr/lib/udev/vmbus-bind --all
	check "without that file it is bound" has_driver "$device" uio_hv_generic
	check "and has its settings" within 5 settings_hold
	restart
	;;
2)
	check "boot 2: the first NIC is the kernel's" within 30 has_interface "$nic"
	check "boot 2: and has the default route" within 30 default_route
	check "boot 2: why it was left alone is in the log" said "$nic .*: not bound to uio_hv_generic: "
	say "network 2"
	hear pinged
	check "boot 2: the other one is user space's" has_driver "$other" uio_hv_generic
	check "boot 2: and has no interface" test ! -d $vmbus/"$other"/net
	check "boot 2: fcopy is bound" has_driver "$fcopy_instance" uio_hv_generic
	check "boot 2: ring size, group and mode" within 5 settings_hold
	check "boot 2: a user without privileges opens it" opens
	say "rescind 2"
	check "re-offer: the device goes" within 20 not_offered
	hear rescinded
	say "offer 2"
	check "re-offer: ring size, group and mode" within 20 settings_hold
	# The administrator releases the other NIC.
	check "vmbusctl unbind" vmbusctl unbind $other_mac
	check "the kernel has the other NIC" within 20 has_interface "$other"
	# From here on, the rule names the interface.
	rm $rules/50-nic.conf
	printf '[interface %s]\n' "$(interface "$other")" >$rules/50-nic.conf
	interface "$other" >/root/name
	/usr/lib/udev/vmbus-bind --all
	check "the rule for the interface holds what vmbusctl unbind wrote" has_driver "$other" hv_netvsc
	check "vmbusctl bind" vmbusctl bind "$(interface "$other")"
	check "by its interface: it is user space's" has_driver "$other" uio_hv_generic
	check "vmbusctl unbind --now" vmbusctl unbind --now "$other"
	check "the kernel has it" within 20 has_interface "$other"
	udevadm trigger --subsystem-match=vmbus --action=add
	udevadm settle
	check "udevadm trigger leaves it there" has_driver "$other" hv_netvsc
	check "vmbusctl bind, again" vmbusctl bind "$(interface "$other")"
	check "and it is user space's" has_driver "$other" uio_hv_generic
	# A rule names the first NIC by its MAC, with force.
	printf '[mac %s]\nforce=yes\n' $nic_mac >$rules/55-force.conf
	preview >/tmp/preview 2>&1
	check "preview: with force, the first NIC is bound at the next boot" grep -q "^$nic .*: at the next boot: .*uio_hv_generic" /tmp/preview
	restart
	;;
3)
	check "boot 3: with force, the first NIC is user space's" within 30 has_driver "$nic" uio_hv_generic
	check "boot 3: and so is the other one, by its name" has_driver "$other" uio_hv_generic
	# A rule that still names the device would make vmbusctl write
	# enable=no, which wins over driverctl's entry.
	rm $rules/55-force.conf $rules/50-nic.conf
	check "vmbusctl unbind gives the first one back" vmbusctl unbind "$nic"
	check "and its address and route return" within 30 default_route
	say "network 3"
	hear pinged
	check "vmbusctl unbind gives the other one back" vmbusctl unbind "$other"
	check "driverctl: set-override" driverctl -b vmbus set-override "$other" uio_hv_generic
	check "driverctl: it is bound" within 10 has_driver "$other" uio_hv_generic
	restart
	;;
4)
	check "boot 4: the first NIC is the kernel's" within 30 default_route
	say "network 4"
	hear pinged
	check "boot 4: driverctl's override holds" has_driver "$other" uio_hv_generic
	check "boot 4: vmbusctl lists it" sh -c "vmbusctl list-overrides | grep -q '$other uio_hv_generic'"
	;;
esac
