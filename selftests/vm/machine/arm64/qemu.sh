# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# The machine arm64: QEMU's virt, and the stub below the guest's kernel.
# job.sh and run-guest source this file.

qemu_program=qemu-system-aarch64
console=ttyAMA0

# The addresses of machine.h
kernel_base=0x40200000 firmware_base=0x47d00000 initrd_base=0x48000000

# prepare_kernel IMAGE FILE: copy an image that the machine can start, which has
# the bytes ARMd in its header
prepare_kernel() {
	[ "$(head -c 60 "$1" | tail -c 4)" = "ARM"$'\x64' ] || die "$1: this is no image of an arm64 kernel, or it is compressed"
	cp "$1" "$2"
}

# machine_arguments KERNEL LINE: set machine[] to the arguments of QEMU for the
# machine of a guest with $memory, $processors and ./initrd, whose RAM is in the
# file $ram. LINE is the kernel's command line.
#
# The last processor is the stub's own. The firmware has no runtime services.
# Linux 6.1 would warn that the machine has no MSI controller.
machine_arguments() {
	local kernel=$1 line="efi=noruntime pci=nomsi $2" made=$out/machine/arm64
	local virt=virt,virtualization=on,gic-version=3,its=off,highmem-ecam=off,memory-backend=ram
	"$made/firmware" "$made/dsdt.aml" "$processors" "$memory" "$(stat -Lc %s initrd)" "$line" >firmware.bin ||
		die "the tables of the machine cannot be made"
	machine=(-M "$virt" -cpu neoverse-n1
		-smp $((processors + 1)) -m "$memory"
		-object "memory-backend-file,id=ram,size=${memory}M,mem-path=$ram,share=on"
		-serial chardev:console
		-chardev "socket,id=bell,path=bell" -serial chardev:bell
		-device "loader,file=$made/stub.elf,cpu-num=0"
		-device "loader,file=$kernel,addr=$kernel_base,force-raw=on"
		-device "loader,file=firmware.bin,addr=$firmware_base,force-raw=on"
		-device "loader,file=initrd,addr=$initrd_base,force-raw=on")
}

# monitor_commands: print what QEMU's monitor is asked when a guest hangs: the
# state of the processors
monitor_commands() { echo 'info registers -a'; }
