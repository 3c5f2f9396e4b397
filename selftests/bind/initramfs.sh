#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check the content of an initramfs: nothing, or all that vmbus-bind needs if
# the administrator wants it. The functions of initramfs-tools and dracut are
# stand-ins that record their arguments.
# shellcheck disable=SC2086,SC2154,SC2317 # GUIDs and numbers need no quotes; variables are those of tree.sh; tests are called by name
# shellcheck source=tree.sh
command . "$(dirname "$0")/tree.sh" || exit 1

# Make a machine with two rules, one of them a package's, and the
# functions of the tools.
machine() {
	mkdir -p "$root/usr/lib/udev/rules.d" "$root/image" "$root/usr/share/initramfs-tools"
	: >"$root/usr/lib/udev/vmbus-bind"
	: >"$root/usr/lib/udev/rules.d/60-hyperv-uio.rules"
	conf $vendor/10-fcopy.conf '[fcopy]' driver=uio_hv_generic
	conf $admin/50-mine.conf "[$dev]" '  driver = my_driver  '
	mkdir -p "$root/etc/driverctl.d"
	echo other_driver >"$root/etc/driverctl.d/vmbus-$dev2"
	echo vfio-pci >"$root/etc/driverctl.d/pci-0000:00:01.0"
	cat >"$root/usr/share/initramfs-tools/hook-functions" <<-END
		copy_exec() { echo "copy_exec \$*" >>"$root/asked"; }
		manual_add_modules() { echo "modules \$*" >>"$root/asked"; }
	END
	: >"$root/asked"
	# The absolute paths are those of the tree.
	sed -E "s#(^|[ \"]|DESTDIR)/(etc|usr|var)#\1$root/\2#g" "$dir/hook" >"$root/hook"
}

hook() {
	out=$(DESTDIR=$root/image sh "$root/hook" "$@" 2>&1)
}

dracut() { # FUNCTION...
	out=$(bash -c "
		inst_multiple() { echo \"inst_multiple \$*\" >>'$root/asked'; }
		inst_simple() { echo \"inst_simple \$*\" >>'$root/asked'; }
		inst_hook() { echo \"inst_hook \$*\" >>'$root/asked'; }
		moddir=/module
		instmods() { echo \"instmods \$*\" >>'$root/asked'; }
		dracutsysrootdir=$root
		. '$dir/module-setup.sh'
		$*" 2>&1)
}

test_initramfs_tools_does_nothing_by_itself() {
	machine
	hook
	is output "$out" ""
	is "what was asked for" "$(cat "$root/asked")" ""
	is "files in the image" "$(find "$root/image" -type f)" ""
}

test_initramfs_tools_where_it_is_asked_for() {
	machine
	: >"$root/etc/hyperv-uio/initramfs"
	hook
	is output "$out" ""
	is "what was asked for" "$(sed "s|$root||" "$root/asked" | tr '\n' ';')" \
		"copy_exec /usr/lib/udev/vmbus-bind;modules hv_vmbus uio_hv_generic;modules my_driver;modules other_driver;modules uio_hv_generic;"
	is "files in the image" "$(find "$root/image" -type f | sed "s|.*$root||; s|$root/image||" | sort | tr '\n' ';')" \
		"/etc/driverctl.d/vmbus-$dev2;/etc/hyperv-uio/bind.d/50-mine.conf;/usr/lib/hyperv-uio/bind.d/10-fcopy.conf;/usr/lib/udev/rules.d/60-hyperv-uio.rules;"
}

test_initramfs_tools_without_rules() {
	machine
	: >"$root/etc/hyperv-uio/initramfs"
	rm -r "$root/${admin:?}"
	hook
	is output "$out" ""
	[ -f "$root/image$root/usr/lib/hyperv-uio/bind.d/10-fcopy.conf" ] || fail "the package's rule is missing"
}

test_initramfs_tools_order() {
	machine
	hook prereqs
	is prerequisites "$out" udev
}

test_dracut_only_where_it_is_asked_for() {
	machine
	dracut 'check; echo $?'
	is check "$out" 255
	: >"$root/etc/hyperv-uio/initramfs"
	dracut 'check; echo $?'
	is check "$out" 0
}

test_dracut_installs() {
	machine
	dracut 'depends; installkernel; install'
	is depends "$out" udev-rules
	is "what was asked for" "$(tr '\n' ';' <"$root/asked")" \
		"instmods hv_vmbus uio_hv_generic my_driver other_driver uio_hv_generic;inst_multiple /usr/lib/udev/vmbus-bind modprobe udevadm;inst_hook pre-pivot 10 /module/settle.sh;inst_simple /usr/lib/udev/rules.d/60-hyperv-uio.rules;inst_simple /etc/hyperv-uio/bind.d/50-mine.conf;inst_simple /usr/lib/hyperv-uio/bind.d/10-fcopy.conf;inst_simple /etc/driverctl.d/vmbus-$dev2;"
}

run_tests
