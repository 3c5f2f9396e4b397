# SPDX-License-Identifier: GPL-2.0-only
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
# settings_hold [RINGS]: whether the node and this number of ring files (1) have
# the settings of the rule
settings_hold() {
	[ "$(stat -Lc %G:%a /dev/vmbus/tests/device)" = nogroup:660 ] &&
		[ "$(stat -c %G:%a $vmbus/"$device"/channels/*/ring | grep -cx nogroup:660)" = "${1:-1}" ] &&
		[ "$(stat -c %s $vmbus/"$device"/channels/*/ring | grep -cx 131072)" = "${1:-1}" ]
}
# map_size MAP: print the size of a map of the other NIC. The kernel shows it as
# a hexadecimal number with leading zeros.
map_size() { printf '%d\n' "$(cat "$vmbus/$other"/uio/uio*/maps/map"$1"/size)"; }
# nic_settings_hold: whether the other NIC has the buffers and the owner of its
# rule
nic_settings_hold() {
	[ "$(map_size 3)" = 1048576 ] && [ "$(map_size 4)" = 65536 ] &&
		[ "$(stat -c %U "/dev/$(basename "$vmbus/$other"/uio/uio*)")" = nobody ] &&
		[ "$(stat -c %U "$vmbus/$other"/channels/*/ring)" = nobody ]
}
unprivileged() { setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; }
# opens: whether an unprivileged user can open the node, and with it the channel
opens() { unprivileged dd if=/dev/vmbus/tests/device of=/dev/null count=0; }
# named_by DEVICE FILE:LINE: whether this rule names the device
named_by() { vmbusctl show "$1" >/tmp/rules && grep -q "$rules/$2" /tmp/rules; }
# result_of UNIT: whether the service has run in this boot, and succeeded
result_of() {
	systemctl show -p Result,ExecMainExitTimestampMonotonic,ActiveState "$1" >/tmp/unit
	grep -qx Result=success /tmp/unit && grep -q '^ExecMainExitTimestampMonotonic=[1-9]' /tmp/unit && grep -qx ActiveState=inactive /tmp/unit
}
# mode_is MODE: whether the node and the ring file of the device have this mode
mode_is() { [ "$(stat -Lc %a /dev/vmbus/tests/device):$(stat -c %a "$vmbus/$device"/channels/*/ring)" = "$1:$1" ]; }
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
	printf '[%s]\n[%s]\nrecv_buffer_size=1M\nsend_buffer_size=64K\nowner=nobody\n' "$nic" "$other" >$rules/50-nic.conf
	preview >/tmp/preview 2>&1
	check "preview: the NIC that is up is refused" \
		grep -q "^$nic .*: would not be bound to uio_hv_generic: interface $(interface "$nic") is up" /tmp/preview
	check "preview: the other one is bound" grep -q "^$other .*: would be bound to uio_hv_generic" /tmp/preview
	/usr/lib/udev/vmbus-bind --all
	check "vmbus-bind --all: the first NIC is still the kernel's" has_driver "$nic" hv_netvsc
	check "vmbus-bind --all: the other one is user space's" has_driver "$other" uio_hv_generic
	check "and has the buffers and the owner of its rule" within 30 nic_settings_hold
	check "vmbus-bind --check warns of the NIC that is up" \
		sh -c "/usr/lib/udev/vmbus-bind --check 2>&1 | grep '50-nic.conf:1: warning: $nic is left alone now'"
	# The rule of the first NIC would take it at the next boot.
	sed -i 1d $rules/50-nic.conf
	check "vmbus-bind.path starts" systemctl start vmbus-bind.path
	printf '[%s]\nring_size=64K\ngroup=nogroup\nmode=0660\nlink=tests/device\n' "$device_class" >$rules/50-device.conf
	check "it applies a new rule for a class of one's own" within 60 has_driver "$device" uio_hv_generic
	check "ring size, group and mode" within 30 settings_hold
	check "vmbus-bind.service has succeeded" within 60 result_of vmbus-bind.service
	systemctl stop vmbus-bind.path
	unprivileged "$programs/vmbus_echo" "$device" >/tmp/echo.log 2>&1 &
	say session
	hear offered
	check "sub-channels that appear later have ring size, group and mode" within 20 settings_hold 3
	say seen
	hear quit
	check "the program without privileges ends" end_of $! 20
	while read -r line; do note "vmbus_echo: $line"; done </tmp/echo.log
	# Write a faulty file that names the device.
	printf '[%s]\nring_size=many\n' "$device" >$rules/70-faulty.conf
	check "a faulty file: vmbus-bind --check names it" sh -c "! /usr/lib/udev/vmbus-bind --check >/tmp/check.txt 2>&1; grep -q '70-faulty.conf:2' /tmp/check.txt"
	say "rescind 1"
	check "the device goes" within 20 not_offered
	hear rescinded
	say "offer 1"
	check "it comes back" within 20 offered
	check "and is left alone, as the faulty file names it" within 20 said "^$device .*: left alone: .*70-faulty.conf:"
	check "it has no driver" has_driver "$device" ''
	# The kernel's own names depend on the order in which it finds the NICs.
	printf '[Match]\nMACAddress=%s\n[Link]\nName=other\n' $other_mac >/etc/systemd/network/10-other.link
	restart
	;;
2)
	check "boot 2: the first NIC is the kernel's" within 30 has_interface "$nic"
	check "boot 2: and has the default route" within 30 default_route
	say "network 2"
	hear pinged
	check "boot 2: the other one is user space's" has_driver "$other" uio_hv_generic
	check "boot 2: and has no interface" test ! -d $vmbus/"$other"/net
	check "boot 2: and has the buffers and the owner of its rule" within 30 nic_settings_hold
	check "boot 2: the faulty file has no effect on fcopy, which is bound" has_driver "$fcopy_instance" uio_hv_generic
	check "boot 2: and hv-fcopyd runs" within 30 fcopyd_runs
	check "boot 2: the device that the faulty file names has no driver" has_driver "$device" ''
	rm $rules/70-faulty.conf
	/usr/lib/udev/vmbus-bind --all
	check "without the faulty file the device is bound" has_driver "$device" uio_hv_generic
	check "and has its settings" within 30 settings_hold
	check "a user without privileges opens it" opens
	# From here on, the rule names the instance.
	sed -i "s/^\[.*\]/[$device]/" $rules/50-device.conf
	say "rescind 2"
	check "re-offer: the device goes" within 20 not_offered
	hear rescinded
	say "offer 2"
	check "re-offer: ring size, group and mode" within 20 settings_hold
	# The administrator releases the other NIC. It may have had no
	# interface in this boot, so it has a MAC only after that.
	check "vmbusctl unbind" vmbusctl unbind "$other"
	check "the kernel has the other NIC" within 20 test -d $vmbus/"$other"/net/other
	check "vmbusctl bind" vmbusctl bind other
	check "it is user space's" has_driver "$other" uio_hv_generic
	check "vmbusctl unbind --now" vmbusctl unbind --now $other_mac
	check "the kernel has it" within 20 has_interface "$other"
	udevadm trigger --subsystem-match=vmbus --action=add
	udevadm settle
	check "udevadm trigger leaves it there" has_driver "$other" hv_netvsc
	/usr/lib/udev/vmbus-bind --all >/tmp/all 2>&1
	check "vmbus-bind --all says that it leaves it there" grep "$other .*: left alone: an administrator released it" /tmp/all
	check "and does so" has_driver "$other" hv_netvsc
	# From here on, the rule names the interface. A command that names the
	# device ends the release.
	rm "$rules/60-$other.conf"
	printf '[interface other]\n' >$rules/50-nic.conf
	check "a rule for its interface, and vmbus-bind" /usr/lib/udev/vmbus-bind "$other"
	check "it is user space's" has_driver "$other" uio_hv_generic
	check "and vmbusctl show names that rule" named_by "$other" 50-nic.conf:1
	check "and vmbusctl finds it by its interface" vmbusctl show other
	# A rule names the first NIC by its MAC. systemd-networkd is configured
	# to set it up.
	printf '[mac %s]\n' $nic_mac >$rules/55-first.conf
	check "vmbus-bind refuses the first NIC now" sh -c "! /usr/lib/udev/vmbus-bind $nic 2>/tmp/refused && grep 'is up; .ip link set .* down. allows it' /tmp/refused"
	restart
	;;
3)
	check "boot 3: the first NIC is user space's, before networkd sets it up" within 30 has_driver "$nic" uio_hv_generic
	check "boot 3: and so is the other one, by the name of its interface" within 30 has_driver "$other" uio_hv_generic
	check "boot 3: as vmbusctl show says" named_by "$other" 50-nic.conf:1
	check "boot 3: the device is bound by its instance, with ring size, group and mode" within 30 settings_hold
	check "boot 3: and vmbusctl show says so" named_by "$device" 50-device.conf:1
	# A rule that still names the device would make vmbusctl write
	# enable=no, which wins over driverctl's entry.
	rm $rules/55-first.conf $rules/50-nic.conf
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
	# A rule of the administrator contradicts the entry, and wins once.
	printf '[%s]\nenable=no\n' "$other" >$rules/60-other.conf
	check "boot 4: vmbusctl show says that the rule takes precedence" named_by "$other" 60-other.conf:2
	udevadm trigger --subsystem-match=vmbus --action=add
	udevadm settle
	check "boot 4: nobody takes the bound NIC away" has_driver "$other" uio_hv_generic
	rm $rules/60-other.conf
	check "vmbusctl unset-override" vmbusctl unset-override "$other"
	check "the kernel has the other NIC" within 20 has_interface "$other"
	check "vmbusctl bind --boot of the NIC that is up" vmbusctl bind --boot "$nic"
	check "it is still the kernel's" has_driver "$nic" hv_netvsc
	restart
	;;
5)
	check "boot 5: the NIC of bind --boot is user space's" within 30 has_driver "$nic" uio_hv_generic
	check "boot 5: and the other one is the kernel's" within 30 has_interface "$other"
	check "vmbusctl unbind of the first" vmbusctl unbind "$nic"
	check "and its address and route return" within 30 default_route
	say "network 5"
	hear pinged
	check "vmbusctl bind --now" vmbusctl bind --now "$other"
	check "it is user space's" has_driver "$other" uio_hv_generic
	check "vmbusctl unbind --now of the device" vmbusctl unbind --now "$device"
	check "it has no driver" has_driver "$device" ''
	check "vmbus-bind.path is enabled" systemctl enable vmbus-bind.path
	restart
	;;
6)
	check "boot 6: the NIC of bind --now is the kernel's" within 30 has_interface "$other"
	check "boot 6: the device of unbind --now is bound by its rule" within 30 has_driver "$device" uio_hv_generic
	check "boot 6: and has its settings" within 30 settings_hold
	check "boot 6: vmbus-bind.path is active" test "$(systemctl is-active vmbus-bind.path)" = active
	sed -i s/^mode=.*/mode=0640/ $rules/50-device.conf
	check "boot 6: it applies a rule that changes" within 60 mode_is 640
	check "boot 6: vmbus-bind.service has succeeded" within 60 result_of vmbus-bind.service
	# The host asks its NICs once more.
	say "boot 6 ends"
	hear checked
	;;
esac
