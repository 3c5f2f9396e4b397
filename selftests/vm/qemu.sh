# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154
# Scripts source this file after env.sh. It runs QEMU of a root from the host
# with that root's own loader, so that the host needs no QEMU, no library and no
# package of another suite.

# qemu_of ROOT: print the command line of the root's QEMU. qemu_modules_of
# prints the value for QEMU_MODULE_DIR; without it, QEMU tries to load the
# modules of the machine's own QEMU.
qemu_of() {
	echo "$1/usr/lib64/ld-linux-x86-64.so.2 --library-path $1/usr/lib/x86_64-linux-gnu $1/usr/bin/qemu-system-x86_64" \
		"-L $1/usr/share/seabios -L $1/usr/share/qemu"
}
qemu_modules_of() { echo "$1/usr/lib/x86_64-linux-gnu/qemu"; }

qemu_root=$("$vm/root" qemu)
qemu_command=$(qemu_of "$qemu_root")
QEMU_MODULE_DIR=$(qemu_modules_of "$qemu_root")
export QEMU_MODULE_DIR

# With this processor Linux detects Hyper-V. Without kvm=off it detects KVM
# first, and hv_vmbus does not load.
hyperv_cpu=host,kvm=off,hv-relaxed,hv-vpindex,hv-time,hv-synic,hv-stimer,hv-runtime,hv-vapic

# Check whether this machine's KVM can be a Hyper-V host: start QEMU with the
# bridge and stopped processors, and end it.
kvm_is_hyperv() {
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || return 1
	# shellcheck disable=SC2086 # a command line
	echo quit | $qemu_command -M q35 -accel kvm,kernel-irqchip=on -cpu "$hyperv_cpu" -nodefaults -display none \
		-device vmbus-bridge -monitor stdio -S >/dev/null 2>&1
}

# Choose the mode, direct or nested. HYPERV_UIO_VM can request one.
choose_mode() {
	case ${HYPERV_UIO_VM:-auto} in
	auto)
		if kvm_is_hyperv; then echo direct; else echo nested; fi
		;;
	direct)
		[ -e /dev/kvm ] || die "HYPERV_UIO_VM=direct needs /dev/kvm, which is not there: use nested, which needs no KVM"
		kvm_is_hyperv || die "HYPERV_UIO_VM=direct needs a KVM with the Hyper-V SynIC (KVM_HYPERV), which /dev/kvm here has not: use nested"
		echo direct
		;;
	nested) echo nested ;;
	*) die "HYPERV_UIO_VM is '$HYPERV_UIO_VM': it must be auto, direct or nested" ;;
	esac
}
