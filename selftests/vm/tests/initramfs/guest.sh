# SPDX-License-Identifier: GPL-2.0-only
# The agent runs this script in each boot. $boot is the number of the boot. The
# first boot uses the bench's initramfs. Then the guest's own initramfs, of
# initramfs-tools, loads hv_utils and hv_netvsc. In the last boot the initramfs
# is one of dracut, which loads them, too. None has vmbus-bind.
last_boot=8
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
# bound_later: whether the device was bound after the initramfs
bound_later() { has_driver "$device" uio_hv_generic && find_times && [ "$initialized" -ge "$systemd" ]; }
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
	dracut --force --add-drivers "hv_utils hv_netvsc" --force-drivers "hv_utils hv_netvsc" \
		--no-hostonly-cmdline --hostonly --no-compress --no-early-microcode \
		--omit "network plymouth i18n crypt lvm mdraid dm multipath kernel-network-modules" /boot/dracut.img "$(uname -r)" || return
	rm -rf "$bench/initramfs"
	mkdir "$bench/initramfs"
	(cd "$bench/initramfs" && cpio -id --quiet </boot/dracut.img) && [ -x "$bench/initramfs/init" ]
}
# configures_managers: install ifupdown and NetworkManager, and configure them
# and networkd to set the interface up. None of them runs yet.
configures_managers() {
	printf '[main]\nplugins=keyfile\n' >/tmp/keyfile.conf
	install -D -m 644 /tmp/keyfile.conf /etc/NetworkManager/conf.d/bench.conf
	printf 'exit 101\n' >/usr/sbin/policy-rc.d
	chmod +x /usr/sbin/policy-rc.d
	check "ifupdown and NetworkManager are installed" dpkg -i managers/*.deb
	rm /usr/sbin/policy-rc.d
	systemctl daemon-reload
	printf '[Match]\nDriver=hv_netvsc\n[Network]\nAddress=10.55.0.2/24\n' >/etc/systemd/network/10-nic.network
	printf 'allow-hotplug %s\niface %s inet static\n\taddress 10.55.0.2/24\n' "$interface" "$interface" \
		>/etc/network/interfaces.d/nic
	grep -q interfaces.d /etc/network/interfaces || echo 'source /etc/network/interfaces.d/*' >>/etc/network/interfaces
	printf '[connection]\nid=nic\ntype=ethernet\n[ipv4]\nmethod=manual\naddress1=10.55.0.2/24\n' >/tmp/nic.nmconnection
	install -D -m 600 /tmp/nic.nmconnection /etc/NetworkManager/system-connections/nic.nmconnection
}
is_up() { [ $(($(cat "$vmbus/$nic/net/$interface/flags") & 1)) = 1 ]; }
# sets_up COMMAND: whether this sets the interface up, which is down before and
# afterwards. networkd leaves its address when it ends, and its socket would
# start it again.
sets_up() {
	! is_up || return
	"$@" && within 60 is_up || return
	case $2 in
	start)
		systemctl stop "$3.socket"
		systemctl stop "$3"
		;;
	*) ifdown "$2" ;;
	esac
	ip address flush dev "$interface" && ip link set "$interface" down && ! is_up
}
managers_run() { systemctl is-active systemd-networkd NetworkManager; }
not() { ! "$@"; }
# lacks PROGRAM IMAGE: whether the image has neither vmbus-bind nor its rules
lacks() { "$1" "$2" >/tmp/list && ! grep -e vmbus-bind -e 60-hyperv-uio /tmp/list; }
# stopped: print the seconds that hv-fcopyd took to stop in the last shutdown
stopped() {
	journalctl -b -1 -u hv-fcopyd --no-pager -o short-unix >/tmp/stop.log || return
	awk '/: Stopping / { from = $1 } /: Stopped / { to = $1 } END { if (!from || !to) exit 1; print int(to - from) }' /tmp/stop.log
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
	check "the NIC has an interface" within 60 test -d "$vmbus/$nic/net"
	interface=$(basename "$vmbus/$nic"/net/*)
	configures_managers
	# Without a rule, each of them sets the interface up.
	check "networkd sets the interface up" sets_up systemctl start systemd-networkd
	check "ifupdown sets the interface up" sets_up ifup "$interface"
	check "NetworkManager sets the interface up" sets_up systemctl start NetworkManager
	check "they run at each boot" systemctl enable systemd-networkd NetworkManager
	# A rule names the only NIC, which hv_netvsc has in the initramfs.
	printf '[%s]\n' "$nic" >/etc/hyperv-uio/bind.d/50-nic.conf
	check "update-initramfs" makes_initramfs
	check "vmbus-bind is not in it" lacks lsinitramfs "$own"
	;;
$((last_boot - 1)))
	check "dracut" makes_dracut
	check "vmbus-bind is not in it" lacks lsinitrd /boot/dracut.img
	# Keep the journal of this boot, because the host now needs 20 seconds
	# to close the device when hv-fcopyd stops.
	mkdir -p /var/log/journal && journalctl --flush
	hear slow
	;;
"$last_boot")
	seconds=$(stopped) || while IFS= read -r line; do note "$line"; done </tmp/stop.log
	check "the host was slow: hv-fcopyd took ${seconds:-?} s to stop in the last shutdown" [ "${seconds:-0}" -ge 15 ]
	check "and systemd neither killed it nor counted a failure" sh -c '[ -s /tmp/stop.log ] && ! grep -i -e "timed out" -e kill -e fail /tmp/stop.log'
	;;
esac
# Before Linux 6.10 hv_utils takes the file copy device, here before udev of the
# system runs vmbus-bind.
taken_over() { bound_by_rule "$fcopy_instance" hv_utils; }
nic_taken_over() { bound_by_rule "$nic" hv_netvsc; }
# bound_by_rule INSTANCE DRIVER: whether vmbus-bind says that it has taken the
# device over. Print all that it says.
bound_by_rule() { journal -t vmbus-bind | tee /dev/stderr | grep -q "^$1 .*: bound to uio_hv_generic, taken over from $2"; }
if [ "$boot" -gt 1 ]; then
	# dracut starts a systemd in the initramfs.
	if [ "$boot" -lt $last_boot ]; then
		check "boot $boot: the initramfs loaded hv_utils" in_initramfs hv_utils
		check "boot $boot: and hv_netvsc" in_initramfs hv_netvsc
	fi
	# Nothing has set the interface up before udev.
	check "boot $boot: the NIC is user space's, as its rule says" within 30 has_driver "$nic" uio_hv_generic
	check "boot $boot: vmbus-bind took it over from hv_netvsc" nic_taken_over
	check "boot $boot: networkd and NetworkManager run" within 60 managers_run
	! hv_utils_takes_fcopy || check "boot $boot: vmbus-bind took the file copy device over from hv_utils" taken_over
	check "boot $boot: a device of one's own was bound after the initramfs" bound_later
	check "boot $boot: ring size, group and mode" within 5 settings_hold
fi
if [ "$boot" -lt $last_boot ]; then
	restart
else
	# The host asks its NIC once more.
	hear checked
fi
