# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154
# Sourced after env.sh: QEMU of a root, run from the host by that root's own
# loader, so that the host needs no QEMU, no library and no package of another
# suite.

# qemu_of ROOT: its command line, and what QEMU_MODULE_DIR must be for it: else
# it tries the modules of the machine's own QEMU.
qemu_of() {
	echo "$1/usr/lib64/ld-linux-x86-64.so.2 --library-path $1/usr/lib/x86_64-linux-gnu $1/usr/bin/qemu-system-x86_64" \
		"-L $1/usr/share/seabios -L $1/usr/share/qemu"
}
qemu_modules_of() { echo "$1/usr/lib/x86_64-linux-gnu/qemu"; }

qemu_root=$("$vm/root" qemu)
qemu_command=$(qemu_of "$qemu_root")
QEMU_MODULE_DIR=$(qemu_modules_of "$qemu_root")
export QEMU_MODULE_DIR

# The processor that makes Linux see Hyper-V; without kvm=off it sees KVM first,
# and hv_vmbus does not load.
hyperv_cpu=host,kvm=off,hv-relaxed,hv-vpindex,hv-time,hv-synic,hv-stimer,hv-runtime,hv-vapic

# Can this machine's KVM be a Hyper-V host? Starts QEMU with the bridge, the
# processors stopped, and ends it.
kvm_is_hyperv() {
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || return 1
	# shellcheck disable=SC2086 # a command line
	echo quit | $qemu_command -M q35 -accel kvm,kernel-irqchip=on -cpu "$hyperv_cpu" -nodefaults -display none \
		-device vmbus-bridge -monitor stdio -S >/dev/null 2>&1
}

# direct, or nested; HYPERV_UIO_VM asks for one of them.
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
