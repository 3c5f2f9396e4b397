#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Test vmbusctl doctor: each finding, its severity, the command that repairs it,
# and where to look.
# shellcheck disable=SC2016,SC2086,SC2154,SC2317 # commands as printed; GUIDs need no quotes; tests are called by name
# shellcheck source=guest.sh
command . "$(dirname "$0")/guest.sh" || exit 1

release=6.12.48+deb13-cloud-amd64
ours=lib/modules/$release/updates/dkms/uio_hv_generic.ko
own=lib/modules/$release/kernel/drivers/uio/uio_hv_generic.ko.xz
uio=lib/modules/$release/kernel/drivers/uio/uio.ko
secure_boot=sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
bind_all="/usr/lib/udev/vmbus-bind --all"

# finding SEVERITY CHECK TEXT [FIX [SEE]]: run doctor, and check that it has
# this finding, with exactly this fix and this place to look
finding() {
	does 7 doctor
	line=$(printf '%-7s  %s: %s' "$1" "$2" "$3")
	printf '%s\n' "$out" | grep -Fq -- "$line" || fail "no finding '$line': $out"
	printf '%s\n' "$out" | grep -F -A 2 -- "$line" | sed '1d; /^[a-z]/,$d' >"$base/remedy"
	is "fix of '$line'" "$(sed -n 's/^ *fix: //p' "$base/remedy")" "${4-}"
	is "place of '$line'" "$(sed -n 's/^ *see: //p' "$base/remedy")" "${5-}"
	[ -n "${4-}${5-}" ] || fail "'$line' has no remedy"
}

# where the documents name the module without dkms
built=doc/packages.md#a-module-without-a-compiler

# healthy: check that no finding needs a repair
healthy() {
	does 0 doctor
	is output "$out" "doctor finds nothing wrong"
}

# modules PATH...: make depmod's list of the modules of kernel $release
modules() {
	mkdir -p "$root/lib/modules/$release"
	: >"$root/lib/modules/$release/modules.dep"
	for module in "$@"; do
		echo "${module#"lib/modules/$release/"}: ${uio#"lib/modules/$release/"}" >>"$root/lib/modules/$release/modules.dep"
	done
}

# not_loaded [MODULE]: make a guest without a loaded module and without rules,
# whose kernel has uio and this module
not_loaded() {
	guest
	rm -r $root/sys/module/uio_hv_generic
	rm $root/$vendor/10-fcopy.conf
	modules $uio "$@"
}

# has_dkms: add the source of our module, and a kernel with its image
has_dkms() {
	put usr/src/uio_hv_generic-0.1.0/dkms.conf ''
	mkdir -p "$root/lib/modules/$release"
	put boot/vmlinuz-$release ''
}

# runs NAME PID: add a process
runs() {
	put proc/$2/comm "$1"
}

test_no_vmbus() {
	rm -r "$root/sys"
	finding problem vmbus "this machine has no VMBus: " '' "systemd-detect-virt; journalctl -k -g 'hv_vmbus|Hyper-V'"
	is findings "$(echo "$out" | grep -c '^[a-z]')" 1
}

test_device_that_cannot_be_read() {
	echo nonsense >$bus/devices/$nic1/class_id
	finding problem vmbus "$bus/devices/$nic1: no GUID in device_id or class_id" '' "journalctl -k -g vmbus"
}

# --- The module

test_own_module_is_enough() {
	put sys/module/uio_hv_generic/version 0.02.1
	healthy
	not_loaded $own
	healthy
	# Before 6.10 it is, if no rule wants a low-speed device.
	put proc/sys/kernel/osrelease 6.1.0-37-amd64
	mv $root/lib/modules/$release $root/lib/modules/6.1.0-37-amd64
	healthy
	conf $vendor/10-fcopy.conf '[fcopy]'
	echo 9 >$bus/devices/$copy/monitor_id
	healthy
}

test_own_module_refuses_low_speed_before_6_10() {
	put sys/module/uio_hv_generic/version 0.02.1
	why="a rule names $copy (fcopy), a low-speed device; the kernel's own uio_hv_generic refuses such a device before Linux 6.10, and ours is not built for"
	for kernel in 6.1.0-37-amd64 5.10.0-30-amd64 6.9.12-amd64 4.18.0-553.el8_10.x86_64; do
		put proc/sys/kernel/osrelease $kernel
		finding problem module "$why $kernel" "apt install hyperv-uio-dkms" "$built"
	done
	put usr/src/uio_hv_generic-0.1.0/dkms.conf ''
	finding problem module "$why $kernel" "dkms install uio_hv_generic/0.1.0 -k $kernel"
	put proc/sys/kernel/osrelease 6.10.1-amd64
	healthy
}

test_own_module_is_loaded_although_ours_is_installed() {
	put sys/module/uio_hv_generic/version 0.02.1
	modules $ours
	finding warning module "the kernel's own uio_hv_generic is loaded, although ours is installed as /$ours" "modprobe -r uio_hv_generic && $bind_all"
	runs hv-fcopyd 812
	finding warning module "the kernel's own" "systemctl stop hv-fcopyd; modprobe -r uio_hv_generic && $bind_all; systemctl start hv-fcopyd"
}

test_older_module_is_loaded() {
	put sys/module/uio_hv_generic/version 1:0.0.9
	finding warning module "uio_hv_generic 0.0.9 is loaded, but this is vmbusctl 0.1.0" "modprobe -r uio_hv_generic && $bind_all"
}

test_module_is_not_loaded_although_a_rule_wants_it() {
	not_loaded $ours
	conf $vendor/10-fcopy.conf '[fcopy]'
	finding problem module "our uio_hv_generic is installed as /$ours and not loaded, although rules name devices" "modprobe uio_hv_generic && $bind_all" "journalctl -k -g uio_hv_generic"
}

test_module_is_forbidden() {
	not_loaded $ours
	put etc/modprobe.d/mine.conf "install uio_hv_generic /bin/false"
	finding problem module "/etc/modprobe.d/mine.conf makes modprobe refuse uio_hv_generic" "sed -i '/^install uio_hv_generic /d' /etc/modprobe.d/mine.conf" /etc/modprobe.d/mine.conf
	# The line of hyperv-uio-dkms runs a script that loads the module.
	put etc/modprobe.d/mine.conf "$(cat "$dir/hyperv-uio.conf")"
	healthy
	# modprobe does not read this file.
	put etc/modprobe.d/mine.conf.dpkg-old "install uio_hv_generic /bin/false"
	healthy
}

test_modprobe_refuses_what_suse_does_not_support() {
	not_loaded $ours
	put usr/lib/modprobe.d/10-unsupported-modules.conf "# a comment
allow_unsupported_modules 0"
	finding problem module "/usr/lib/modprobe.d/10-unsupported-modules.conf makes modprobe refuse uio_hv_generic" \
		"echo 'allow_unsupported_modules 1' >/etc/modprobe.d/10-unsupported-modules.conf && $bind_all" /usr/lib/modprobe.d/10-unsupported-modules.conf
	put etc/modprobe.d/10-unsupported-modules.conf "allow_unsupported_modules 1"
	healthy
}

test_kernel_has_no_module() {
	for distribution in "debian apt" "fedora dnf" "opensuse-leap zypper" "almalinux dnf" "ubuntu apt"; do
		not_loaded
		put etc/os-release ID=${distribution% *}
		printf '%s\n' 'ID_LIKE="rhel fedora suse"' >>$root/etc/os-release
		case $distribution in opensuse*) put etc/os-release 'ID_LIKE="suse opensuse"' ;; esac
		finding problem module "the kernel $release has no module uio_hv_generic" "${distribution#* } install hyperv-uio-dkms" "$built"
	done
}

# Ubuntu and RPM distributions have uio in a package that need not be installed.
# Neither our module nor the kernel's own can be loaded without it.
test_uio_is_in_another_package() {
	for distribution in "ubuntu apt install linux-modules-extra-$release" "fedora dnf install kernel-modules-$release" \
		"suse zypper install kernel-default" "debian apt install --reinstall linux-image-$release"; do
		not_loaded
		modules $ours
		conf $vendor/10-fcopy.conf '[fcopy]'
		put boot/config-$release "# x
CONFIG_UIO=m"
		put etc/os-release ID=${distribution%% *}
		finding problem module "the module uio, which uio_hv_generic needs, is not installed for the kernel $release: another package has it" "${distribution#* }"
	done
	put lib/modules/$release/modules.builtin kernel/drivers/uio/uio.ko
	vmbusctl doctor
	lacks "module uio, which"
}

test_kernel_without_uio() {
	not_loaded
	modules
	put boot/config-$release '# CONFIG_UIO is not set'
	finding problem module "the kernel $release was built without UIO, so no uio_hv_generic can be loaded" '' doc/packages.md#a-module-that-cannot-be-built
}

test_module_is_built_in() {
	not_loaded
	put lib/modules/$release/modules.builtin kernel/drivers/uio/uio_hv_generic.ko
	healthy
}

# --- Secure Boot and Lockdown

test_kernel_that_verifies_modules() {
	for with in secure-boot lockdown; do
		not_loaded $ours
		mkdir -p "$root/${secure_boot%/*}"
		case $with in
		secure-boot) printf '\6\0\0\0\1' >$root/$secure_boot ;;
		lockdown) put sys/kernel/security/lockdown 'none [integrity] confidentiality' ;;
		esac
		healthy
		conf $vendor/10-fcopy.conf '[fcopy]'
		finding problem module "the kernel verifies modules, and has not loaded /$ours" '' doc/secure-boot.md
		put sys/module/uio_hv_generic/version 0.02.1
		finding problem module "the kernel verifies modules, and has not loaded /$ours" '' doc/secure-boot.md
		put sys/module/uio_hv_generic/version 1:0.1.0
		healthy
	done
	printf '\6\0\0\0\0' >$root/$secure_boot
	put sys/kernel/security/lockdown '[none] integrity confidentiality'
	put sys/module/uio_hv_generic/version 0.02.1
	finding warning module "the kernel's own" "modprobe -r uio_hv_generic && $bind_all"
}

# --- Headers and dkms

test_module_is_built_for_every_kernel() {
	has_dkms
	modules $ours
	healthy
}

test_headers_of_each_distribution() {
	while read -r id kernel fix; do
		guest
		put etc/os-release ID=$id
		put proc/sys/kernel/osrelease $kernel
		put usr/src/uio_hv_generic-0.1.0/dkms.conf ''
		mkdir -p $root/lib/modules/$kernel
		finding problem headers "the headers of the running kernel $kernel are missing, so dkms cannot build the module for it" "$fix"
	done <<EOH
debian 6.1.0-37-amd64 apt install linux-headers-6.1.0-37-amd64 linux-headers-amd64
debian 6.12.48+deb13-cloud-amd64 apt install linux-headers-6.12.48+deb13-cloud-amd64 linux-headers-cloud-amd64
ubuntu 6.8.0-1021-azure apt install linux-headers-6.8.0-1021-azure linux-headers-azure
fedora 6.9.4-200.fc40.x86_64 dnf install kernel-devel-6.9.4-200.fc40.x86_64 && dkms autoinstall -k 6.9.4-200.fc40.x86_64
rhel 5.14.0-503.el9.x86_64+rt dnf install kernel-rt-devel-5.14.0-503.el9.x86_64 && dkms autoinstall -k 5.14.0-503.el9.x86_64+rt
suse 6.4.0-150600.23.25-default zypper install kernel-default-devel=6.4.0-150600.23.25 && dkms autoinstall -k 6.4.0-150600.23.25-default
EOH
}

test_headers_of_another_kernel() {
	has_dkms
	modules $ours
	mkdir -p $root/lib/modules/6.1.0-99-amd64 $root/lib/modules/6.1.0-98-amd64
	put boot/vmlinuz-6.1.0-99-amd64 ''
	finding warning headers "the headers of the installed kernel 6.1.0-99-amd64 are missing" "apt install linux-headers-6.1.0-99-amd64 linux-headers-amd64"
	# It cannot be booted.
	lacks 6.1.0-98-amd64
}

test_build_that_failed() {
	has_dkms
	put lib/modules/$release/build/Makefile ''
	finding problem dkms "dkms has not built the module for the running kernel $release, although its headers are installed" \
		"dkms install uio_hv_generic/0.1.0 -k $release" /var/lib/dkms/uio_hv_generic/0.1.0/build/make.log
}

# --- Configuration and devices

test_configuration() {
	conf $admin/50-bad.conf '[fcopy]' nonsense
	conf $admin/60-get.conf '[get]'
	conf $admin/70-get '[get]'
	finding problem configuration "$root/$admin/50-bad.conf:2: neither [section]" '' "hyperv-uio.conf(5)"
	finding warning configuration "$root/$admin/60-get.conf:1: the section matches no device" '' "hyperv-uio.conf(5)"
	finding warning configuration "$root/$admin/70-get: ignored" '' "hyperv-uio.conf(5)"
}

test_device_that_is_not_where_the_rule_wants_it() {
	conf $admin/50-nic.conf "[$nic1]"
	finding problem devices "$nic1 (nic) is not bound to uio_hv_generic, as $root/$admin/50-nic.conf:1 wants" "/usr/lib/udev/vmbus-bind $nic1" "vmbusctl show $nic1"
	vmbus_bind $nic1
	healthy
}

# --force is no remedy, because the device may be in use.
test_device_that_is_refused() {
	conf $admin/50-nic.conf "[$nic0]"
	finding warning configuration "$root/$admin/50-nic.conf:1: $nic0 is left alone now: interface eth0 is up; 'ip link set eth0 down' allows it" '' "hyperv-uio.conf(5)"
	is findings "$(echo "$out" | grep -c '^[a-z]')" 1
}

# An administrator wants it so.
test_device_that_waits() {
	vmbusctl bind --boot eth1
	healthy
}

# --- The Guest Service and the daemon

test_guest_service_is_off() {
	for place in usr/sbin usr/local/sbin; do
		guest
		rm -r $bus/devices/$copy
		put $place/hv-fcopyd ''
		finding warning guest-service "the host does not offer the file copy device, so Copy-VMFile cannot work" \
			"on the host: Enable-VMIntegrationService -VMName NAME -Name 'Guest Service Interface'"
		rm $root/$place/hv-fcopyd
		healthy
	done
}

test_daemon() {
	put usr/sbin/hv-fcopyd ''
	finding problem daemon "the file copy device is bound (uio0), but hv-fcopyd is not running" \
		"systemctl unmask hv-fcopyd; systemctl restart hv-fcopyd" "systemctl status hv-fcopyd; hv-fcopyd --check-config"
	runs hv-fcopyd 812
	healthy
}

test_another_daemon_runs() {
	for other in hv_fcopy_daemon hypervfcopyd hv_fcopy_uio_daemon; do
		guest
		put usr/sbin/hv-fcopyd ''
		runs "$(echo $other | cut -c 1-15)" 7
		finding problem daemon "the kernel tree's daemon $other is running, so hv-fcopyd cannot use the device" "kill 7" "systemctl status 7"
		# The reason that the device is not bound comes first.
		"$root/kernel/model" write /sys/bus/vmbus/drivers/uio_hv_generic/unbind $copy
		vmbusctl doctor
		lacks $other
	done
}

# --- Output

test_json() {
	conf $admin/50-nic.conf "[$nic1]"
	does 7 doctor -j
	is findings "$(echo "$out" | grep -c '"severity":"problem"')" 1
	says '"check":"devices"'
	says "\"fix\":\"/usr/lib/udev/vmbus-bind $nic1\""
	says "\"see\":\"vmbusctl show $nic1\""
	vmbus_bind $nic1
	does 0 doctor -j
	is "output without findings" "$(echo "$out" | tr -d ' \n')" "[]"
}

test_nothing_is_changed() {
	conf $admin/50-nic.conf "[$nic1]"
	find "$root" -newermt 2000-01-01 -printf '%p %T@\n' | sort >"$base/before"
	does 7 doctor
	find "$root" -newermt 2000-01-01 -printf '%p %T@\n' | sort | cmp -s - "$base/before" || fail "doctor has changed a file"
	log_is_empty
}

run_tests guest
