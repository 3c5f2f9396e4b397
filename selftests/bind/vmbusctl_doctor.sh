#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Test vmbusctl doctor: each finding, its severity and the command that repairs
# it.
# shellcheck disable=SC2016,SC2086,SC2154,SC2317 # commands as printed; GUIDs need no quotes; tests are called by name
# shellcheck source=tree.sh
command . "$(dirname "$0")/tree.sh" || exit 1
# shellcheck source=guest.sh
command . "$(dirname "$0")/guest.sh" || exit 1

release=6.12.48+deb13-cloud-amd64
ours=lib/modules/$release/updates/dkms/uio_hv_generic.ko
own=lib/modules/$release/kernel/drivers/uio/uio_hv_generic.ko
secure_boot=sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c

# finding SEVERITY CHECK TEXT [FIX]: check that this or the last run of doctor
# has this finding
finding() {
	line=$(printf '%-7s  %-13s  %s' "$1" "$2" "$3")
	printf '%s\n' "$out" | grep -Fq -- "$line" || fail "no finding '$line': $out"
	case $1 in
	problem | warning)
		[ -n "${4-}" ] || fail "the test names no fix for '$line'"
		fix=$(printf '%s\n' "$out" | grep -F -A 1 -- "$line" | tail -n 1 | sed 's/^ *fix: //')
		is "fix of '$line'" "$fix" "$4"
		;;
	esac
}

# repaired: carry out the fix of the last finding() as it was printed, with the
# programs and the files of the test. Check that the finding disappears.
repaired() {
	eval "$(printf '%s\n' "$fix" | sed "s|/usr/lib/udev/vmbus-bind|vmbus_bind|; s#\( \|>>\)/\(etc\|root\)/#\1$root/\2/#g")"
	vmbusctl doctor
	lacks "$line"
}

# in_folder FOLDER FILE: print the path of a file, which may be in quotes
in_folder() {
	case $2 in
	"'"*) printf "'%s/%s\n" "$root/$1" "${2#"'"}" ;;
	*) printf '%s/%s\n' "$root/$1" "$2" ;;
	esac
}

# These programs stand in for those that a fix runs: one loads our module, and
# the editor removes the line whose number it gets.
modprobe() {
	"$root/kernel/model" load "$1"
	put "sys/module/$1/version" "1:$("$dir/vmbusctl" --version | cut -d ' ' -f 2)"
}

export EDITOR=edit
edit() {
	sed -i "${1#+}d" "$2"
}

# unbound: take the file copy device from its driver
unbound() {
	"$root/kernel/model" write /sys/bus/vmbus/drivers/uio_hv_generic/unbind $copy
}

# healthy: check that no finding needs a repair
healthy() {
	vmbusctl doctor
	is status $status 0
	lacks "problem "
	lacks "warning "
}

# sick: check that doctor finds something
sick() {
	vmbusctl doctor
	is status $status 7
}

# not_loaded: do as guest(), but without a loaded module and rules that name
# devices
not_loaded() {
	guest
	rm -r $root/sys/module/uio_hv_generic
	rm $root/$vendor/10-fcopy.conf
}

# has_dkms: add the source of our module, and a kernel with its image
has_dkms() {
	put usr/src/uio_hv_generic-0.1.0/dkms.conf ''
	mkdir -p "$root/lib/modules/$release"
	put boot/vmlinuz-$release ''
}

test_healthy_machine() {
	guest
	healthy
	finding ok vmbus "VMBus has 6 devices; kernel $release"
	finding ok module "our uio_hv_generic 0.1.0 is loaded"
	finding ok secure-boot "Secure Boot is off"
	finding ok lockdown "Lockdown is off"
	finding ok configuration "no file has a fault"
	finding ok devices "all devices are bound as configured"
	finding ok guest-service "the host offers the file copy device"
	finding note headers "hyperv-uio-dkms is not installed, so no headers are needed"
	finding note daemon "hv-fcopyd is not installed"
}

test_azure() {
	guest
	put sys/class/dmi/id/chassis_asset_tag 7783-7084-3265-9085-8269-3286-77
	healthy
	finding ok vmbus "VMBus has 6 devices; kernel $release, on Azure"
}

test_no_guest_of_hyperv() {
	rm -r "$root/sys"
	sick
	finding problem vmbus "this machine has no VMBus, because it is not a guest of Hyper-V or Azure; the command shows what it is" systemd-detect-virt
}

test_guest_without_the_module_of_vmbus() {
	guest
	rm -r $root/sys/bus
	sick
	finding problem vmbus "this is a guest of Hyper-V, but the module hv_vmbus is not loaded" "modprobe hv_vmbus"
}

test_guest_whose_vmbus_failed() {
	guest
	rm -r $root/sys/bus
	mkdir -p $root/sys/module/hv_vmbus
	sick
	finding problem vmbus "this is a guest of Hyper-V, but hv_vmbus has not set up the bus (see the kernel log)" "journalctl -k -g 'hv_vmbus|Hyper-V'"
}

test_microsoft_hardware_is_no_guest() {
	rm -r "$root/sys"
	put sys/class/dmi/id/sys_vendor "Microsoft Corporation"
	put sys/class/dmi/id/product_name "Surface Pro"
	sick
	finding problem vmbus "this machine has no VMBus, because it is not a guest of Hyper-V or Azure; the command shows what it is" systemd-detect-virt
}

test_device_that_cannot_be_read() {
	guest
	echo nonsense >$bus/devices/$nic1/class_id
	sick
	finding problem vmbus "$bus/devices/$nic1: no GUID in device_id or class_id (see the kernel log)" "journalctl -k -g vmbus"
}

test_own_module_is_enough() {
	guest
	put sys/module/uio_hv_generic/version 0.02.1
	healthy
	finding ok module "the kernel's own uio_hv_generic (0.02.1) is loaded, which is enough for the rules here"
}

test_own_module_is_installed_and_enough() {
	not_loaded
	put $own ''
	healthy
	finding ok module "the kernel's own uio_hv_generic is installed, which is enough for the rules here"
}

test_own_module_refuses_low_speed_before_6_10() {
	guest
	put sys/module/uio_hv_generic/version 0.02.1
	for kernel in 6.1.0-37-amd64 5.10.0-30-amd64 6.9.12-amd64 4.18.0-553.el8_10.x86_64; do
		put proc/sys/kernel/osrelease $kernel
		sick
		finding problem module "a rule names $copy (fcopy), a low-speed device; the kernel's own uio_hv_generic refuses such a device before Linux 6.10, and ours is not built for $kernel" "apt install hyperv-uio-dkms"
	done
	put proc/sys/kernel/osrelease 6.10.1-amd64
	healthy
}

test_own_module_is_enough_for_a_monitored_device() {
	guest
	put sys/module/uio_hv_generic/version 0.02.1
	put proc/sys/kernel/osrelease 6.1.0-37-amd64
	echo 9 >$bus/devices/$copy/monitor_id
	healthy
}

test_own_module_is_enough_without_a_rule() {
	guest
	put sys/module/uio_hv_generic/version 0.02.1
	put proc/sys/kernel/osrelease 6.1.0-37-amd64
	conf $admin/10-fcopy.conf '# off'
	healthy
}

test_own_module_although_dkms_has_the_source() {
	guest
	put sys/module/uio_hv_generic/version 0.02.1
	put proc/sys/kernel/osrelease 6.1.0-37-amd64
	put usr/src/uio_hv_generic-0.1.0/dkms.conf ''
	put lib/modules/6.1.0-37-amd64/build/Makefile ''
	sick
	finding problem module "a rule names $copy (fcopy), a low-speed device" "dkms install uio_hv_generic/0.1.0 -k 6.1.0-37-amd64"
}

test_own_module_is_loaded_although_ours_is_installed() {
	guest
	put sys/module/uio_hv_generic/version 0.02.1
	put $ours ''
	sick
	finding warning module "the kernel's own uio_hv_generic (0.02.1) is loaded, although ours is installed as /$ours" "modprobe -r uio_hv_generic && /usr/lib/udev/vmbus-bind --all"
}

test_older_module_is_loaded() {
	guest
	put sys/module/uio_hv_generic/version 1:0.0.9
	sick
	finding warning module "uio_hv_generic 0.0.9 is loaded, but this is vmbusctl 0.1.0" "modprobe -r uio_hv_generic && /usr/lib/udev/vmbus-bind --all"
}

test_module_is_not_loaded_and_nobody_wants_it() {
	not_loaded
	put $ours ''
	healthy
	finding ok module "our uio_hv_generic is installed as /$ours"
}

test_module_in_each_place() {
	for place in updates updates/dkms extra extra/dkms; do
		for suffix in '' .xz .zst .gz; do
			not_loaded
			put lib/modules/$release/$place/uio_hv_generic.ko$suffix ''
			healthy
			finding ok module "our uio_hv_generic is installed as /lib/modules/$release/$place/uio_hv_generic.ko$suffix"
		done
	done
}

test_module_is_not_loaded_although_a_rule_wants_it() {
	guest
	rm -r $root/sys/module/uio_hv_generic
	put $ours ''
	sick
	finding problem module "our uio_hv_generic is installed as /$ours and not loaded, although rules name devices" "modprobe uio_hv_generic && /usr/lib/udev/vmbus-bind --all"
	unbound
	rm -r $bus/drivers/uio_hv_generic
	repaired
	is driver "$(driver_of $copy)" uio_hv_generic
	healthy
}

test_module_is_forbidden() {
	guest
	rm -r $root/sys/module/uio_hv_generic
	put $ours ''
	put etc/modprobe.d/mine.conf "install uio_hv_generic /bin/false"
	sick
	finding problem module "/etc/modprobe.d/mine.conf forbids loading uio_hv_generic" "sed -i '/^install uio_hv_generic /d' /etc/modprobe.d/mine.conf"
	rm $root/$vendor/10-fcopy.conf
	sick
	finding warning module "/etc/modprobe.d/mine.conf forbids" "sed -i '/^install uio_hv_generic /d' /etc/modprobe.d/mine.conf"
	repaired
	healthy
}

test_modprobe_refuses_what_suse_does_not_support() {
	guest
	put $ours ''
	put usr/lib/modprobe.d/10-unsupported-modules.conf "# a comment
allow_unsupported_modules 0"
	mkdir -p $root/etc/modprobe.d
	healthy
	for loaded in "" 0.02.1; do
		rm -r $root/sys/module/uio_hv_generic
		rm -f $root/etc/modprobe.d/*
		[ -z "$loaded" ] || put sys/module/uio_hv_generic/version $loaded
		sick
		load="/usr/lib/udev/vmbus-bind --all"
		[ -z "$loaded" ] || load="modprobe -r uio_hv_generic && $load"
		finding problem module "/usr/lib/modprobe.d/10-unsupported-modules.conf makes modprobe refuse our module, because SUSE does not support it" \
			"echo 'allow_unsupported_modules 1' >/etc/modprobe.d/10-unsupported-modules.conf && $load"
		put etc/modprobe.d/10-unsupported-modules.conf "allow_unsupported_modules 1"
		vmbusctl doctor
		lacks "makes modprobe refuse"
		put sys/module/uio_hv_generic/version 0
	done
}

test_load_module_does_not_forbid() {
	not_loaded
	put $ours ''
	put etc/modprobe.d/hyperv-uio-dkms.conf "$(cat "$dir/hyperv-uio-dkms.conf")"
	healthy
	finding ok module "our uio_hv_generic is installed as /$ours"
}

test_kernel_has_no_module() {
	not_loaded
	sick
	finding problem module "the kernel $release has no module uio_hv_generic" "apt install hyperv-uio-dkms"
}

test_package_managers() {
	not_loaded
	put etc/os-release ID=fedora
	sick
	finding problem module "the kernel $release has no module uio_hv_generic" "dnf install hyperv-uio-dkms"
	put etc/os-release 'ID="opensuse-leap"
ID_LIKE="suse opensuse"'
	sick
	finding problem module "the kernel $release has no module uio_hv_generic" "zypper install hyperv-uio-dkms"
	rm $root/etc/os-release
	put usr/lib/os-release ID=almalinux
	echo 'ID_LIKE="rhel centos fedora"' >>$root/usr/lib/os-release
	sick
	finding problem module "the kernel $release has no module uio_hv_generic" "dnf install hyperv-uio-dkms"
}

test_kernel_without_uio() {
	not_loaded
	put boot/config-$release '# CONFIG_UIO is not set'
	sick
	finding problem module "the kernel $release was built without UIO, so no uio_hv_generic can be loaded; another kernel of the distribution has it" "apt install linux-image-amd64 linux-headers-amd64"
	for r in "6.12.48+deb13-cloud-arm64 -arm64" '6.9.1 -$(dpkg --print-architecture)' '6.9.1-mine -$(dpkg --print-architecture)'; do
		put proc/sys/kernel/osrelease ${r%% *}
		put boot/config-${r%% *} '# CONFIG_UIO is not set'
		sick
		finding problem module "the kernel ${r%% *} was built without UIO" "apt install linux-image${r#* } linux-headers${r#* }"
	done
	put proc/sys/kernel/osrelease $release
	put etc/os-release ID=ubuntu
	sick
	finding problem module "the kernel $release was built without UIO" "apt install linux-image-generic linux-headers-generic"
	printf '%s\n' '# x' 'CONFIG_UIO=m' >$root/boot/config-$release
	sick
	finding problem module "the kernel $release has no module uio_hv_generic" "apt install hyperv-uio-dkms"
}

test_module_is_built_in() {
	guest
	put lib/modules/$release/modules.builtin kernel/drivers/uio/uio_hv_generic.ko
	healthy
	finding note module "the kernel $release has its own uio_hv_generic built in, so ours cannot replace it"
}

test_module_is_built_for_every_kernel() {
	guest
	has_dkms
	put $ours ''
	healthy
	finding ok headers "the module is built for every kernel that can be booted"
}

test_no_kernel_is_installed() {
	guest
	put usr/src/uio_hv_generic-0.1.0/dkms.conf ''
	healthy
	finding note headers "no kernel is installed here, so there is none to build the module for"
	lacks "is built for every kernel"
	# The files of a kernel that was removed
	mkdir -p "$root/lib/modules/5.10.0-1-amd64"
	healthy
	finding note headers "no kernel is installed here"
}

test_headers_of_a_cloud_kernel() {
	guest
	has_dkms
	sick
	finding problem headers "the headers of the running kernel $release are missing (the headers of other kernels do not fit a cloud kernel), so dkms cannot build the module for it; if the distribution no longer offers them, install a newer kernel with its headers" "apt install linux-headers-$release linux-headers-cloud-amd64"
}

# headers_of RELEASE ID FIX
headers_of() {
	guest
	put usr/src/uio_hv_generic-0.1.0/dkms.conf ''
	put etc/os-release "ID=$2"
	put proc/sys/kernel/osrelease $1
	mkdir -p "$root/lib/modules/$1"
	sick
	finding problem headers "the headers of the running kernel $1 are missing" "$3"
}

test_headers_of_each_distribution() {
	headers_of 6.1.0-37-amd64 debian "apt install linux-headers-6.1.0-37-amd64 linux-headers-amd64"
	headers_of 6.1.0-37-cloud-amd64 debian "apt install linux-headers-6.1.0-37-cloud-amd64 linux-headers-cloud-amd64"
	headers_of 5.10.0-0.deb10.16-amd64 debian "apt install linux-headers-5.10.0-0.deb10.16-amd64 linux-headers-amd64"
	headers_of 6.12.9+bpo-cloud-arm64 debian "apt install linux-headers-6.12.9+bpo-cloud-arm64 linux-headers-cloud-arm64"
	headers_of 6.8.0-1021-azure ubuntu "apt install linux-headers-6.8.0-1021-azure linux-headers-azure"
	headers_of 5.14.0-570.32.1.el9_6.x86_64 rhel "dnf install kernel-devel-5.14.0-570.32.1.el9_6.x86_64 && dkms autoinstall -k 5.14.0-570.32.1.el9_6.x86_64"
	headers_of 5.14.0-503.el9.x86_64+64k-debug rhel "dnf install kernel-64k-debug-devel-5.14.0-503.el9.x86_64 && dkms autoinstall -k 5.14.0-503.el9.x86_64+64k-debug"
	headers_of 5.15.0-200.131.27.el9uek.x86_64 rhel "dnf install kernel-uek-devel-5.15.0-200.131.27.el9uek.x86_64 && dkms autoinstall -k 5.15.0-200.131.27.el9uek.x86_64"
	headers_of 4.18.0-553.rt7.342.el8_10.x86_64 rhel "dnf install kernel-rt-devel-4.18.0-553.rt7.342.el8_10.x86_64 && dkms autoinstall -k 4.18.0-553.rt7.342.el8_10.x86_64"
	headers_of 6.4.0-150600.8.20-azure sles "zypper install kernel-azure-devel=6.4.0-150600.8.20 && dkms autoinstall -k 6.4.0-150600.8.20-azure"
	headers_of 6.9.1 sles "zypper install kernel-default-devel && dkms autoinstall -k 6.9.1"
	headers_of 6.9.1 debian "apt install linux-headers-6.9.1"
}

# The next boot may start another kernel.
test_headers_of_another_kernel() {
	guest
	has_dkms
	put $ours ''
	put boot/vmlinuz-6.12.57+deb13-cloud-amd64 ''
	mkdir -p $root/lib/modules/6.12.57+deb13-cloud-amd64
	sick
	finding warning headers "the headers of the installed kernel 6.12.57+deb13-cloud-amd64 are missing" "apt install linux-headers-6.12.57+deb13-cloud-amd64 linux-headers-cloud-amd64"
	rm $root/boot/vmlinuz-6.12.57+deb13-cloud-amd64
	healthy
	put lib/modules/6.12.57+deb13-cloud-amd64/vmlinuz ''
	sick
}

test_build_that_failed() {
	guest
	has_dkms
	put lib/modules/$release/build/Makefile ''
	sick
	finding problem dkms "dkms has not built the module for the running kernel $release, although its headers are installed (see /var/lib/dkms/uio_hv_generic/0.1.0/build/make.log)" "dkms install uio_hv_generic/0.1.0 -k $release"
}

# secure ON: switch Secure Boot on or off
secure() {
	mkdir -p "$root/$(dirname $secure_boot)"
	# Four bytes of attributes, then the value
	case $1 in
	0) printf '\006\000\000\000\000' ;;
	1) printf '\006\000\000\000\001' ;;
	esac >$root/$secure_boot
}

test_secure_boot_is_told() {
	guest
	secure 1
	healthy
	finding ok secure-boot "Secure Boot is on"
	secure 0
	healthy
	finding ok secure-boot "Secure Boot is off"
}

test_lockdown_is_told() {
	guest
	put sys/kernel/security/lockdown "none [integrity] confidentiality"
	healthy
	finding note lockdown "Lockdown is in mode integrity; binding and opening devices are allowed, hibernation is not"
	put sys/kernel/security/lockdown "[none] integrity confidentiality"
	healthy
	finding ok lockdown "Lockdown is off"
}

# secured: install our module, do not load it, and switch Secure Boot on
secured() {
	not_loaded
	put $ours module
	secure 1
}

# dkms builds the module again, now with openssl, and so signs it.
build="apt install openssl mokutil && dkms remove uio_hv_generic/0.1.0 -k $release; dkms install uio_hv_generic/0.1.0 -k $release"

# signs: carry out the last fix. These programs stand in for apt and dkms: dkms
# signs a module, and makes a key, only if openssl is installed.
signs() {
	apt() {
		is "apt's command" "$1" install
		shift
		put usr/bin/openssl "$*"
	}
	# shellcheck disable=SC2120,SC2317 # the fix calls it
	dkms() {
		[ "$1 $2" = "install uio_hv_generic/0.1.0" ] || return 0
		[ -e "$root/usr/bin/openssl" ] || return 0
		put $ours 'module~Module signature appended~'
		keys var/lib/dkms/mok.pub
	}
	repaired
}

test_unsigned_module() {
	secured
	put usr/src/uio_hv_generic-0.1.0/dkms.conf ''
	sick
	finding problem secure-boot "the module /$ours is not signed; dkms signs it if openssl is installed (doc/secure-boot.md)" "$build"
	signs
	finding problem secure-boot "the key that signs our module (/var/lib/dkms/mok.pub) is not enrolled" "mokutil --import /var/lib/dkms/mok.pub && reboot"
}

# The dkms of Debian 11 signs with a key of the administrator's, with a script
# that its configuration has to name.
test_unsigned_module_with_an_old_dkms() {
	secured
	put usr/src/uio_hv_generic-0.1.0/dkms.conf ''
	put etc/dkms/sign_helper.sh ''
	chmod 644 $root/etc/dkms/sign_helper.sh
	put etc/dkms/framework.conf '# sign_tool="/etc/dkms/sign_helper.sh"'
	mkdir -p $root/root
	why="the module /$ours is not signed; this dkms signs it only if its configuration names a program (doc/secure-boot.md)"
	dkms_again="dkms remove uio_hv_generic/0.1.0 -k $release; dkms install uio_hv_generic/0.1.0 -k $release"
	key="{ [ -e /root/mok.priv ] || openssl req -new -x509 -newkey rsa:2048 -nodes -days 36500 -subj '/CN=DKMS module signing key/' -keyout /root/mok.priv -outform DER -out /root/mok.der; } && chmod 600 /root/mok.priv && chmod +x /etc/dkms/sign_helper.sh"
	tool="echo sign_tool=/etc/dkms/sign_helper.sh >>/etc/dkms/framework.conf"
	sick
	finding problem secure-boot "$why" "apt install openssl mokutil && $key && $tool && $dkms_again"
	apt() { :; }
	# shellcheck disable=SC2317 # the fix calls it
	openssl() {
		put root/mok.priv key
		keys root/mok.der
		put $ours module
	}
	# shellcheck disable=SC2120,SC2317 # the fix calls it
	dkms() {
		[ "$1 $2" = "install uio_hv_generic/0.1.0" ] || return 0
		[ -x $root/etc/dkms/sign_helper.sh ] && [ -s $root/root/mok.priv ] || return 0
		[ "$(grep -c '^sign_tool=/etc/dkms/sign_helper.sh$' $root/etc/dkms/framework.conf)" = 1 ] || return 0
		put $ours 'module~Module signature appended~'
	}
	repaired
	finding problem secure-boot "the key that signs our module (/root/mok.der) is not enrolled" "mokutil --import /root/mok.der && reboot"
	# A key and a setting that exist stay.
	put $ours module
	chmod 644 $root/etc/dkms/sign_helper.sh
	sick
	finding problem secure-boot "$why" "apt install openssl mokutil && $key && $dkms_again"
	# shellcheck disable=SC2317 # the fix would call it
	openssl() { fail "the key is made again"; }
	repaired
	# Another program signs with another key.
	put $ours module
	put etc/dkms/framework.conf 'sign_tool=/usr/local/sbin/sign'
	sick
	finding problem secure-boot "$why" "apt install openssl mokutil && $dkms_again"
	# A later dkms needs no script.
	put usr/sbin/dkms 'mok_signing_key=""'
	sick
	finding problem secure-boot "the module /$ours is not signed; dkms signs it if openssl is installed" "apt install openssl mokutil && $dkms_again"
}

test_unsigned_module_without_dkms() {
	secured
	sick
	finding problem secure-boot "the module /$ours is not signed; the package builds and signs one (doc/secure-boot.md)" "apt install hyperv-uio-dkms openssl mokutil"
}

test_unsigned_module_under_lockdown_alone() {
	secured
	put usr/src/uio_hv_generic-0.1.0/dkms.conf ''
	secure 0
	put sys/kernel/security/lockdown "none [integrity] confidentiality"
	sick
	finding problem secure-boot "the module /$ours is not signed" "$build"
}

test_unsigned_module_without_secure_boot() {
	secured
	secure 0
	healthy
}

# It may be signed with a key of another machine, or of dkms's configuration.
test_signed_module_without_a_key() {
	secured
	put $ours 'module~Module signature appended~'
	sick
	finding warning secure-boot "doctor knows of no key that signs modules on this machine, so it is not known whether the kernel will load /$ours; it does if the signer of the module is among the enrolled keys (doc/secure-boot.md)" "modinfo -F signer /$ours; mokutil --list-enrolled"
}

test_unsigned_module_while_the_own_one_is_loaded() {
	secured
	put usr/src/uio_hv_generic-0.1.0/dkms.conf ''
	put sys/module/uio_hv_generic/version 0.02.1
	sick
	finding problem secure-boot "the module /$ours is not signed" "$build"
}

# keys PATH: make a certificate at this path; the list of shim has others
keys() {
	put $ours 'module~Module signature appended~'
	mkdir -p "$root/$(dirname $1)" "$root/sys/firmware/efi/mok-variables"
	printf 'DER\000certificate' >$root/$1
	printf 'others\000DER\000certificat' >$root/sys/firmware/efi/mok-variables/MokListRT
}

test_key_that_is_not_enrolled() {
	for key in var/lib/dkms/mok.pub var/lib/shim-signed/mok/MOK.der root/mok.der; do
		secured
		keys $key
		sick
		finding problem secure-boot "the key that signs our module (/$key) is not enrolled, so the kernel will reject /$ours; confirm the key on the VM's console at the reboot" "mokutil --import /$key && reboot"
	done
}

test_key_that_is_enrolled() {
	secured
	keys var/lib/dkms/mok.pub
	printf 'others\000DER\000certificate\000more' >$root/sys/firmware/efi/mok-variables/MokListRT
	healthy
}

# Before Linux 5.11 the list is a variable of efivarfs.
test_key_list_of_old_kernels() {
	secured
	keys var/lib/dkms/mok.pub
	mv $root/sys/firmware/efi/mok-variables/MokListRT $root/sys/firmware/efi/efivars/MokListRT-605dab50-e046-4300-abb6-3dd810dd8b23
	sick
	printf 'DER\000certificate' >$root/sys/firmware/efi/efivars/MokListRT-605dab50-e046-4300-abb6-3dd810dd8b23
	healthy
}

test_module_that_runs_was_accepted() {
	secured
	put sys/module/uio_hv_generic/version 1:0.1.0
	healthy
}

test_compressed_module_may_be_signed() {
	not_loaded
	put $ours.xz ''
	secure 1
	keys var/lib/dkms/mok.pub
	rm $root/$ours
	sick
	finding problem secure-boot "the key that signs our module" "mokutil --import /var/lib/dkms/mok.pub && reboot"
}

test_fault_in_the_configuration() {
	guest
	conf $admin/50-mine.conf '[fcopy]' 'drvier=one'
	sick
	finding problem configuration "$root/$admin/50-mine.conf:2: unknown key" "\${EDITOR:-vi} +2 $root/$admin/50-mine.conf"
	repaired
	healthy
}

test_hint_about_the_configuration() {
	guest
	conf $admin/50-mine.conf '[vss]'
	sick
	finding warning configuration "$root/$admin/50-mine.conf:1: " "\${EDITOR:-vi} +1 $root/$admin/50-mine.conf"
	repaired
	healthy
}

test_rules_that_others_can_write_to() {
	for name in 50-mine.conf "'my rules.conf'"; do
		guest
		eval "file=$name"
		conf "$admin/$file" '[fcopy]' mode=0640
		chmod 0666 "$root/$admin/$file"
		sick
		path=$(in_folder $admin "$name")
		finding warning configuration "$root/$admin/$file:0: users other than root can write to it (owner $(id -u), mode 0666)" "chown root:root $path; chmod go-w $path"
		[ "$(id -u)" = 0 ] || continue
		repaired
		healthy
	done
}

# ignored NAME: make a file of rules whose name does not end in .conf
ignored() {
	guest
	conf "$admin/$1" '[fcopy]' mode=0640
	sick
}

test_rules_in_a_file_with_the_wrong_name() {
	for name in 50-mine 50-mine.cfg 50-mine.con; do
		ignored $name
		finding warning configuration "$root/$admin/$name:0: ignored, because its name does not end in .conf" "mv -n $root/$admin/$name $root/$admin/$name.conf"
		repaired
		is "files after the fix" "$(ls $root/$admin)" $name.conf
		healthy
	done
}

# A copy of a file of rules must not take effect.
test_rules_in_a_copy_of_a_file() {
	for file in 50-mine.conf.dpkg-old "'my rules.conf.bak'" "'50-mine.conf~'"; do
		eval "name=$file"
		ignored "$name"
		finding warning configuration "$root/$admin/$name:0: ignored" "mv -n $(in_folder $admin "$file") $root/etc/hyperv-uio/"
		repaired
		is "files after the fix" "$(ls $root/$admin)" ""
		is "the file" "$(head -n 1 "$root/etc/hyperv-uio/$name")" '[fcopy]'
		healthy
	done
	for file in 50-mine 50-mine.bak "'50-mine~'"; do
		eval "name=$file"
		ignored "$name"
		conf $admin/50-mine.conf '[fcopy]' mode=0600
		sick
		finding warning configuration "$root/$admin/$name:0: ignored" "mv -n $(in_folder $admin "$file") $root/etc/hyperv-uio/"
		repaired
		is "the rules" "$(tail -n 1 $root/$admin/50-mine.conf)" mode=0600
		is "files after the fix" "$(ls $root/$admin)" 50-mine.conf
		healthy
	done
	# The package's file of the same name must stay in effect.
	ignored 10-fcopy
	finding warning configuration "$root/$admin/10-fcopy:0: ignored" "mv -n $root/$admin/10-fcopy $root/etc/hyperv-uio/"
	repaired
	# A file that is there is not overwritten.
	ignored 50-mine.conf.old
	put etc/hyperv-uio/50-mine.conf.old earlier
	sick
	finding warning configuration "$root/$admin/50-mine.conf.old:0: ignored" "mv -n $root/$admin/50-mine.conf.old $root/etc/hyperv-uio/"
	eval "$fix"
	is "the earlier file" "$(cat "$root/etc/hyperv-uio/50-mine.conf.old")" earlier
}

test_folder_of_rules() {
	guest
	mkdir -p "$root/$admin/disabled"
	sick
	finding warning configuration "$root/$admin/disabled:0: ignored" "mv -n $root/$admin/disabled $root/etc/hyperv-uio/"
	repaired
	is "the folder" "$(ls $root/$admin)" ""
	healthy
}

test_fault_in_a_file_whose_name_needs_quotes() {
	guest
	conf "$admin/it's mine.conf" '[fcopy]' 'drvier=one'
	sick
	finding problem configuration "$root/$admin/it's mine.conf:2: unknown key" "\${EDITOR:-vi} +2 '$root/$admin/it'\\''s mine.conf'"
	repaired
	healthy
}

test_device_that_is_not_where_the_rule_wants_it() {
	guest
	unbound
	ln -s ../../drivers/hv_utils $bus/devices/$copy/driver
	sick
	finding problem devices "$copy (fcopy) is bound to hv_utils, but $root/$vendor/10-fcopy.conf:1 binds it to uio_hv_generic" "/usr/lib/udev/vmbus-bind $copy"
	repaired
	healthy
	unbound
	sick
	finding problem devices "$copy (fcopy) has no driver, but $root/$vendor/10-fcopy.conf:1 binds it" "/usr/lib/udev/vmbus-bind $copy"
	repaired
	healthy
}

test_device_that_is_refused() {
	guest
	conf $admin/50-nic.conf "[$nic0]"
	sick
	finding warning devices "$nic0 (nic) is refused: interface eth0 is up; 'ip link set eth0 down' allows it, and so does a reboot" "vmbusctl show $nic0"
	eval "$fix"
	says "eth0 is up"
	[ -e "$root/$admin/50-nic.conf" ] || fail "the rule is gone"
}

test_disk_controller_that_is_refused() {
	guest
	driver hv_storvsc $scsi
	device $third $scsi hv_storvsc
	conf $admin/50-disk.conf "[$third]"
	sick
	finding warning devices "$third (scsi) is refused: a disk controller or a PCI Express bridge needs force=yes" "vmbusctl unbind --boot $third"
	repaired
	lacks "is refused"
}

test_device_that_is_lost() {
	guest
	echo lost >$bus/devices/$copy/uio_hv_generic/state
	sick
	finding problem devices "$copy (fcopy) is lost: a program had it open when the VM was suspended, and has not closed it" "fuser -v -k /dev/uio0"
}

test_device_that_has_failed() {
	guest
	echo failed >$bus/devices/$copy/uio_hv_generic/state
	sick
	finding problem devices "$copy (fcopy) has failed: the host did not accept its buffers after a resume" "vmbusctl unbind --now $copy; vmbusctl bind --now $copy"
	repaired
	is driver "$(driver_of $copy)" uio_hv_generic
	healthy
}

# hv-fcopyd has the device open, so modprobe -r would fail.
test_reload_stops_the_daemon() {
	guest
	daemon 321
	put sys/module/uio_hv_generic/version 1:0.0.9
	sick
	finding warning module "uio_hv_generic 0.0.9 is loaded, but this is vmbusctl 0.1.0" "systemctl stop hv-fcopyd; modprobe -r uio_hv_generic && /usr/lib/udev/vmbus-bind --all; systemctl start hv-fcopyd"
}

# daemon [PID]: install hv-fcopyd, and run it
daemon() {
	put usr/sbin/hv-fcopyd ''
	[ -z "${1-}" ] || put proc/$1/comm hv-fcopyd
}

test_guest_service_is_off() {
	guest
	rm -r $bus/devices/$copy
	daemon
	sick
	finding warning guest-service "the host does not offer the file copy device, so Copy-VMFile cannot work; on Azure it never does" "on the host: Enable-VMIntegrationService -VMName NAME -Name 'Guest Service Interface'"
	finding ok daemon "hv-fcopyd is not running; it starts when the file copy device is bound"
	finding ok configuration "no file has a fault"
}

test_guest_service_is_off_and_nobody_wants_it() {
	guest
	rm -r $bus/devices/$copy
	rm $root/$vendor/10-fcopy.conf
	healthy
	finding note guest-service "the host does not offer the file copy device"
}

test_daemon_runs() {
	guest
	daemon 321
	healthy
	finding ok daemon "hv-fcopyd is running (process 321)"
}

test_daemon_does_not_run() {
	guest
	daemon
	sick
	finding problem daemon "the file copy device is bound (uio0), but hv-fcopyd is not running" "systemctl restart hv-fcopyd; systemctl status hv-fcopyd"
}

test_daemon_below_usr_local() {
	guest
	put usr/local/sbin/hv-fcopyd ''
	sick
	finding problem daemon "the file copy device is bound (uio0), but hv-fcopyd is not running" "systemctl restart hv-fcopyd; systemctl status hv-fcopyd"
}

test_daemon_is_masked() {
	guest
	daemon
	mkdir -p $root/etc/systemd/system $root/run/systemd/system
	ln -s /dev/null $root/run/systemd/system/hv-fcopyd.service
	sick
	finding problem daemon "the unit hv-fcopyd.service is masked until the next boot" \
		"rm -f /run/systemd/system/hv-fcopyd.service /run/hv-fcopyd.masked && systemctl daemon-reload && systemctl start hv-fcopyd" || return
	ln -s /dev/null $root/etc/systemd/system/hv-fcopyd.service
	sick
	finding problem daemon "the unit hv-fcopyd.service is masked" "systemctl unmask hv-fcopyd && systemctl start hv-fcopyd"
}

test_configuration_of_the_daemon() {
	guest
	daemon 321
	for code in 0 1 2; do
		printf '#!/bin/sh\n[ "$*" = --check-config ] || exit 9\necho said; echo said >&2\nexit %d\n' $code >"$root/usr/sbin/hv-fcopyd"
		chmod +x "$root/usr/sbin/hv-fcopyd"
		if [ $code = 0 ]; then
			healthy
		else
			sick
			finding problem daemon "the configuration of hv-fcopyd has a fault; the command shows its file and line, for you to correct" "hv-fcopyd --check-config"
		fi
		lacks said
	done
	is errors "$err" ""
}

test_another_daemon_runs() {
	guest
	daemon 321
	put proc/322/comm hv_fcopy_daemon
	put proc/322/cgroup 0::/system.slice/hv-fcopy-daemon.service
	sick
	finding problem daemon "the kernel tree's daemon hv_fcopy_daemon is running (process 322), so hv-fcopyd cannot use the device" "systemctl disable --now hv-fcopy-daemon.service"
	for cgroup in '0::/system.slice/_hv-fcopy-daemon.service' '0::/system.slice/hv-fcopy-daemon.service/worker' \
		'12:pids:/x/other.service:1:name=systemd:/system.slice/hv-fcopy-daemon.service'; do
		echo "$cgroup" | sed 's/service:1/service\n1/' >$root/proc/322/cgroup
		sick
		finding problem daemon "the kernel tree's daemon hv_fcopy_daemon is running" "systemctl disable --now hv-fcopy-daemon.service"
	done
	put proc/322/cgroup '0::/system.slice/hv\x2dfcopy.service'
	sick
	finding problem daemon "the kernel tree's daemon hv_fcopy_daemon is running" "systemctl disable --now 'hv\x2dfcopy.service'"
	put proc/322/cgroup 0::/user.slice/user-0.slice/user@0.service/app.slice/hv.service
	sick
	finding problem daemon "the kernel tree's daemon hv_fcopy_daemon is running" "kill 322"
	unbound
	vmbusctl doctor
	finding note daemon "the kernel tree's daemon hv_fcopy_daemon is running (process 322), because uio_hv_generic does not have the file copy device; fcopyd.conf has no effect on it"
	rm -r $root/proc/322
	put proc/324/comm hypervfcopyd
	vmbusctl doctor
	finding note daemon "the kernel tree's daemon hypervfcopyd is running (process 324), because uio_hv_generic does not have the file copy device"
	rm -r $root/proc/324
	put proc/323/comm hv_fcopy_uio_da
	sick
	finding problem daemon "the kernel tree's daemon hv_fcopy_uio_daemon is running (process 323)" "kill 323"
}

# image NAME: make an initramfs, with vmbus-bind on request, just now
image() {
	put etc/hyperv-uio/initramfs ''
	put usr/share/initramfs-tools/hooks/hyperv-uio ''
	touch -d '1 hour ago' "$root/$admin" "$root/$vendor" "$root/$vendor/10-fcopy.conf" "$root/etc/hyperv-uio/initramfs"
	[ ! -e $root/$ours ] || touch -d '1 hour ago' $root/$ours
	put boot/$1 ''
}

test_initramfs_that_nobody_asked_for() {
	guest
	healthy
	finding ok initramfs "the initramfs does not need vmbus-bind, because /etc/hyperv-uio/initramfs does not exist"
}

test_initramfs_without_the_hook() {
	guest
	put etc/hyperv-uio/initramfs ''
	sick
	finding problem initramfs "/etc/hyperv-uio/initramfs asks for vmbus-bind in the initramfs, but its hook is missing" "apt install hyperv-uio"
	put usr/lib/dracut/modules.d/90hyperv-uio/module-setup.sh ''
	healthy
	finding note initramfs "the kernel $release has no initramfs in /boot"
}

test_initramfs_that_is_new() {
	for name in initrd.img-$release initramfs-$release.img initrd-$release; do
		guest
		image $name
		healthy
		finding ok initramfs "/boot/$name contains vmbus-bind and the current module and rules"
	done
}

test_initramfs_that_is_old() {
	guest
	image initrd.img-$release
	for newer in /$admin/50-x.conf /$vendor/10-fcopy.conf /etc/hyperv-uio/initramfs /usr/lib/udev/vmbus-bind /$ours \
		/$admin /$vendor; do
		image initrd.img-$release
		touch -d '1 minute ago' "$root/boot/initrd.img-$release"
		[ -d "$root$newer" ] || put $newer ''
		touch -d '1 hour ago' "$root/$admin" "$root/$vendor"
		touch "$root$newer"
		sick
		finding warning initramfs "/boot/initrd.img-$release is older than $newer, so it does not contain the current module and rules" "dracut --force --kver $release"
		[ -d "$root$newer" ] || [ $newer = /$vendor/10-fcopy.conf ] || rm "$root$newer"
	done
	put usr/sbin/update-initramfs ''
	sick
	finding warning initramfs "/boot/initrd.img-$release is older than" "update-initramfs -u -k $release"
}

test_device_that_waits_for_the_next_boot() {
	guest
	vmbusctl bind --boot kvp
	vmbusctl doctor
	finding note devices "$kvp0 (kvp) is left alone: an administrator released it, or lets it wait for the next boot"
	lacks "problem  devices"
}

# entry INSTANCE DRIVER: make an entry of driverctl
entry() {
	put etc/driverctl.d/vmbus-$1 $2
}

test_entry_of_driverctl_is_honoured() {
	guest
	rm $root/$vendor/10-fcopy.conf
	entry $copy uio_hv_generic
	healthy
	finding ok driverctl "$root/etc/driverctl.d/vmbus-$copy is applied by vmbus-bind"
}

test_entry_beside_driverctl() {
	guest
	entry $copy uio_hv_generic
	put usr/sbin/driverctl ''
	sick
	finding warning driverctl "$root/etc/driverctl.d/vmbus-$copy is applied by vmbus-bind, while driverctl's own unit for it fails at each boot: systemd turns the dashes of its name into slashes" "vmbusctl set-override $copy uio_hv_generic"
	repaired
	healthy
}

test_entry_that_a_rule_contradicts() {
	guest
	entry $copy hv_utils
	conf $admin/50-copy.conf "[$copy]" driver=uio_hv_generic
	sick
	finding warning driverctl "$root/etc/driverctl.d/vmbus-$copy binds $copy to hv_utils, but $root/$admin/50-copy.conf:1 takes precedence and binds it to uio_hv_generic" "rm $root/etc/driverctl.d/vmbus-$copy"
	repaired
	healthy
	entry $copy hv_utils
	conf $admin/50-copy.conf "[$copy]" enable=no
	sick
	finding warning driverctl "$root/etc/driverctl.d/vmbus-$copy binds $copy to hv_utils, but $root/$admin/50-copy.conf:1 takes precedence and leaves it alone" "rm $root/etc/driverctl.d/vmbus-$copy"
	repaired
	healthy
}

test_entry_for_a_device_that_is_not_there() {
	guest
	entry 00000000-0000-0000-0000-000000000001 uio_hv_generic
	vmbusctl doctor
	finding note driverctl "$root/etc/driverctl.d/vmbus-00000000-0000-0000-0000-000000000001 names a device that the host does not offer"
}

test_entry_that_is_not_understood() {
	guest
	for bad in "vmbus-$nic1:none:this driverctl entry requests no driver, which vmbus-bind does not support" \
		"vmbus-$nic1:../x:this driverctl entry does not name a driver" \
		"vmbus-$nic1:uio_hv_generic # y:this driverctl entry does not name a driver" \
		"vmbus-$nic1::this driverctl entry does not name a driver"; do
		name=${bad%%:*}
		rest=${bad#*:}
		put etc/driverctl.d/$name "${rest%%:*}"
		sick
		finding warning configuration "$root/etc/driverctl.d/$name:0: ${rest#*:}" "\${EDITOR:-vi} +1 $root/etc/driverctl.d/$name"
		rm $root/etc/driverctl.d/$name
	done
}

# misnamed NAME: make an entry of driverctl with a wrong name
misnamed() {
	guest
	rm $root/$vendor/10-fcopy.conf
	put "etc/driverctl.d/$1" uio_hv_generic
	sick
}

# The entry is meant for the device that its name identifies.
test_entry_with_the_wrong_name_of_a_device() {
	for name in fcopy uio0 ${copy%%-*}; do
		misnamed vmbus-$name
		finding warning configuration "$root/etc/driverctl.d/vmbus-$name:0: the name of this driverctl entry is not vmbus- followed by a GUID" "mv -n $root/etc/driverctl.d/vmbus-$name $root/etc/driverctl.d/vmbus-$copy"
		repaired
		finding ok driverctl "$root/etc/driverctl.d/vmbus-$copy is applied by vmbus-bind"
		healthy
	done
}

# The name identifies no device, or several, or the device has a correct entry.
# $bad_entry is in the quotes of a shell.
test_entry_with_a_useless_name() {
	for bad_entry in vmbus-nic vmbus-$copy.bak vmbus- "'vmbus-it'\''s \$HOME'" "'vmbus-a  \"b\" &c;*'"; do
		eval "name=$bad_entry"
		misnamed "$name"
		put etc/driverctl.d/other ''
		finding warning configuration "$root/etc/driverctl.d/$name:0: the name of" "rm $(in_folder etc/driverctl.d "$bad_entry")"
		repaired
		is "files after the fix" "$(ls $root/etc/driverctl.d)" other
		healthy
	done
	misnamed vmbus-fcopy
	entry $copy uio_hv_generic
	sick
	finding warning configuration "$root/etc/driverctl.d/vmbus-fcopy:0: the name of" "rm $root/etc/driverctl.d/vmbus-fcopy"
	repaired
	is "files after the fix" "$(ls $root/etc/driverctl.d)" vmbus-$copy
}

test_entry_of_another_bus() {
	guest
	put etc/driverctl.d/pci-0000:00:1f.2 vfio-pci
	healthy
}

test_json() {
	guest
	daemon
	vmbusctl doctor -j
	is status $status 7
	says '"severity":"ok"'
	says '"check":"secure-boot"'
	says '"text":"Secure Boot is off"'
	says '"fix":null'
	says '"fix":"systemctl restart hv-fcopyd; systemctl status hv-fcopyd"'
}

test_quiet() {
	guest
	vmbusctl doctor -q
	is status $status 0
	is output "$out" ""
	daemon
	vmbusctl doctor --quiet
	is status $status 7
	is lines "$(echo "$out" | wc -l)" 2
	vmbusctl doctor -q -j
	is findings "$(echo "$out" | grep -c severity)" 1
}

# Every finding that needs a repair comes with a command.
test_every_finding_has_a_fix() {
	guest
	daemon
	has_dkms
	secure 1
	conf $admin/a.conf nonsense
	conf $admin/50-nic.conf "[$nic0]"
	entry $kvp0 none
	sick
	is "fixes" "$(echo "$out" | grep -c '^  *fix: ')" "$(echo "$out" | grep -cE '^(problem|warning) ')"
}

test_wrong_arguments() {
	guest
	vmbusctl doctor eth0
	is status $status 2
}

# doctor changes nothing.
test_nothing_is_changed() {
	guest
	daemon
	(cd "$root" && find . -type f -exec cksum {} + | sort) >$base/before
	vmbusctl doctor
	(cd "$root" && find . -type f -exec cksum {} + | sort) >$base/after
	cmp $base/before $base/after || fail "doctor changed a file"
	log_is_empty
}

run_tests
