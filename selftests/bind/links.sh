#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check the effects of the udev rules: links below /dev/vmbus, owner and mode of
# /dev/uioN, and the programs that udev runs. This uses a real udevadm, on a
# tree that is mounted over /sys in a mount namespace, with /dev and /run empty.
# shellcheck disable=SC2086,SC2154,SC2317 # GUIDs and numbers need no quotes; variables are those of tree.sh; tests are called by name
# The namespace hides /dev/shm.
TMPDIR=${TMPDIR:-/tmp}
# shellcheck source=tree.sh
command . "$(dirname "$0")/tree.sh" || exit 1

reason=''
if ! command -v udevadm >/dev/null; then
	reason="udevadm is missing: install udev (Debian) or systemd-udev"
elif [ "$(id -u)" != 0 ]; then
	reason="the test mounts file systems: run it as root"
elif ! unshare -m true 2>/dev/null; then
	reason="there is no right to a mount namespace: run it outside of the container, or in a privileged one"
fi
if [ -n "$reason" ]; then
	ktap_print_header
	ktap_skip_all "$reason"
	exit "$KSFT_SKIP"
fi

# uio INSTANCE CLASS: make a device that uio_hv_generic has as uio3
uio() {
	d=$root/sys/devices/vmbus/$1
	mkdir -p "$d/uio/uio3" "$d/channels/14" "$root/sys/class/uio" "$bus/drivers/uio_hv_generic"
	printf '{%s}\n' "$1" >"$d/device_id"
	printf '{%s}\n' "$2" >"$d/class_id"
	printf 'DRIVER=uio_hv_generic\n' >"$d/uevent"
	ln -s ../../../bus/vmbus "$d/subsystem"
	ln -s ../../../bus/vmbus/drivers/uio_hv_generic "$d/driver"
	ln -s "../../../devices/vmbus/$1" "$bus/devices/$1"
	ln -s ../../../../../class/uio "$d/uio/uio3/subsystem"
	printf 'MAJOR=240\nMINOR=3\nDEVNAME=uio3\n' >"$d/uio/uio3/uevent"
	echo uio_hv_generic >"$d/uio/uio3/name"
	echo 240:3 >"$d/uio/uio3/dev"
	mkdir -p "$d/net/eth1" "$root/sys/class/net"
	ln -s ../../../../../class/net "$d/net/eth1/subsystem"
	printf 'INTERFACE=eth1\nIFINDEX=4\n' >"$d/net/eth1/uevent"
	echo 4 >"$d/net/eth1/ifindex"
	: >"$d/channels/14/uevent"
	mkdir -p "$root/sys/kset"
	ln -s "$root/sys/kset" "$d/channels/14/subsystem"
}

# Since version 256, 'udevadm test' runs no program and changes nothing in /dev:
# it prints what udev would do. There the test runs vmbus-bind itself and lets
# the rule import its output from a file.
case $(udevadm --version 2>/dev/null) in
25[6-9] | 2[6-9]? | [3-9]??) only_prints=1 ;;
*) only_prints='' ;;
esac

# import_from_file INSTANCE: change the rules so that udev imports the
# properties of this device from a file
import_from_file() {
	"$root/udev/vmbus-bind" --properties "$1" >"$root/properties" 2>/dev/null || : >"$root/properties"
	program="IMPORT{program}=\"$root/udev/vmbus-bind --properties \$id\""
	is "rules that import" "$(grep -cF "$program" "$root/rules/60-hyperv-uio.rules")" 1
	sed -i "s|IMPORT{program}=\".*\"|IMPORT{file}=\"$root/properties\"|" "$root/rules/60-hyperv-uio.rules"
}

# of_node WORD DEFAULT: print the owner, group or permission that udev would
# give to the node of the device, or what the node has
of_node() {
	value=$(echo "$out" | sed -n "/^Device node $1:/ { n; s/^ *0*\([^ ]*\).*/\1/p; }")
	echo "${value:-$2}"
}

# udev ACTION SYSPATH: run udev's rules; $out has the output, $links the links
# of uio3, and $access "OWNER GROUP MODE"
udev() {
	mkdir -p "$root/udev" "$root/rules"
	printf '#!/bin/sh\nVMBUS_SYSROOT=%s exec %s/vmbus-bind-model "$@"\n' "$root" "$dir" >"$root/udev/vmbus-bind"
	chmod +x "$root/udev/vmbus-bind"
	sed "s|/usr/lib/udev/|$root/udev/|" "$dir/60-hyperv-uio.rules" >"$root/rules/60-hyperv-uio.rules"
	[ -z "$only_prints" ] || import_from_file "$(echo "$2" | cut -d / -f 5)"
	cat >"$root/udev/test" <<-END
		mount --make-rprivate / && mount -t tmpfs none /run && mkdir /run/udev &&
		mount -t tmpfs none /dev && mknod /dev/null c 1 3 && mknod -m 600 /dev/uio3 c 240 3 &&
		mount --bind $root/sys /sys && mount --bind $root/rules /usr/lib/udev/rules.d || exit 1
		export SYSTEMD_DEVICE_VERIFY_SYSFS=0
		udevadm test -a $1 $2
		echo "links: \$(cd /dev && find vmbus -type l 2>/dev/null | sort | tr '\\n' ' ')"
		for l in \$(find /dev/vmbus -type l 2>/dev/null); do
			[ "\$(readlink -f \$l)" = /dev/uio3 ] || echo "links: \$l leads elsewhere"
		done
		echo "access: \$(stat -c '%U %G %a' /dev/uio3)"
	END
	out=$(unshare -m sh "$root/udev/test" 2>&1)
	links=$(echo "$out" | sed -n 's/^links: //p')
	access=$(echo "$out" | sed -n 's/^access: //p')
	runs=$(echo "$out" | sed -n "s/^run: '\(.*\)'$/\1/p; s/^  RUN{program} : //p" | sed "s|$root/udev/||")
	if [ -n "$only_prints" ]; then
		links=$(echo "$out" | sed -n 's/^  DEVLINKS=//p' | tr ' ' '\n' | sed 's|^/dev/||' | sort | tr '\n' ' ')
		access="$(of_node owner root) $(of_node group root) $(of_node permission 600)"
	fi
}

links_are() { # LINK... besides by-id
	want=$(printf '%s\n' "vmbus/by-id/$dev" "$@" | sort | tr '\n' ' ')
	is links "$links" "$want"
}

# links_of CLASS: make a device of the class with this GUID, and let udev make
# its links
links_of() {
	rm -rf "$root/sys"
	mkdir -p "$bus/devices"
	uio $dev $1
	udev add $uio3
}

uio3=/sys/devices/vmbus/$dev/uio/uio3

# A machine has one device of each of these classes, and may have several of
# each of the other classes.
single="fcopy kvp vss timesync heartbeat shutdown balloon kbd mouse fb"

test_every_class() {
	"$dir/classes" >"$base/classes"
	while read -r name class; do
		links_of $class
		case " $single " in
		*" $name "*) links_are vmbus/by-class/$name ;;
		*) links_are vmbus/by-class/$name/$dev ;;
		esac
		is "access of $name" "$access" "root root 600"
	done <"$base/classes"
	is classes "$(wc -l <"$base/classes")" 24
}

test_class_without_a_name() {
	links_of 00000000-0000-0000-0000-00000000abcd
	links_are vmbus/by-class/00000000-0000-0000-0000-00000000abcd/$dev
}

test_link_owner_group_and_mode() {
	conf $admin/a.conf '[nic]' force=yes link=dpdk/port-0 owner=daemon group=games mode=0640
	links_of $nic
	links_are vmbus/by-class/nic/$dev vmbus/dpdk/port-0
	is access "$access" "daemon games 640"
	udev change $uio3
	is "access after a change" "$access" "daemon games 640"
}

# Somebody has bound the device by hand.
test_rule_that_does_not_give_the_device_to_the_module() {
	for other in enable=no driver=uio_other; do
		conf $admin/a.conf '[nic]' force=yes link=port owner=daemon mode=0666 $other
		links_of $nic
		links_are vmbus/by-class/nic/$dev
		is "access with $other" "$access" "root root 600"
	done
}

test_faulty_file_leaves_the_links() {
	conf $admin/a.conf '[fcopy]' nonsense
	links_of $fcopy
	links_are vmbus/by-class/fcopy
}

test_other_uio_devices_get_nothing() {
	uio $dev $fcopy
	echo uio_pci_generic >"$root/sys/devices/vmbus/$dev/uio/uio3/name"
	udev add $uio3
	is links "$links" ""
	is runs "$runs" ""
}

test_remove_runs_nothing() {
	uio $dev $fcopy
	for path in "" /uio/uio3 /channels/14 /net/eth1; do
		udev remove /sys/devices/vmbus/$dev$path
		is "runs of $path" "$runs" ""
	done
}

test_events_run_the_helper() {
	uio $dev $nic
	udev add /sys/devices/vmbus/$dev
	is "of the device" "$(echo "$runs" | grep vmbus-bind)" "vmbus-bind --udev $dev"
	udev add /sys/devices/vmbus/$dev/net/eth1
	is "of the interface" "$(echo "$runs" | grep vmbus-bind)" "vmbus-bind --udev --new-interface $dev"
	links_of $pcie
	udev add /sys/devices/vmbus/$dev/net/eth1
	is "of a virtual function" "$runs" ""
	udev add $uio3
	is "of the UIO device" "$(echo "$runs" | grep vmbus-bind)" "vmbus-bind --udev --settings $dev"
	udev change /sys/devices/vmbus/$dev
	is "of a change" "$runs" ""
}

# A kernel names the subsystem of a channel after its directory. udevadm reads
# it from a link, which channels do not have, so the tree has one.
test_channel_runs_the_helper() {
	uio $dev $nic
	rm "$root/sys/devices/vmbus/$dev/channels/14/subsystem"
	mkdir -p "$root/sys/class/channels"
	ln -s ../../../../../class/channels "$root/sys/devices/vmbus/$dev/channels/14/subsystem"
	udev add /sys/devices/vmbus/$dev/channels/14
	is runs "$runs" "vmbus-bind --udev --settings $dev/14"
	sed -i s/uio_hv_generic/hv_netvsc/ "$root/sys/devices/vmbus/$dev/uevent"
	ln -sfn ../../../bus/vmbus/drivers/hv_netvsc "$root/sys/devices/vmbus/$dev/driver"
	udev add /sys/devices/vmbus/$dev/channels/14
	is "runs with another driver" "$runs" ""
}

run_tests
