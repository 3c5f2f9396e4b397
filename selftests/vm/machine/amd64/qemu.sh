# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# The machine amd64: QEMU's q35, and the stub below the guest's kernel.
# job.sh and run-guest source this file.

qemu_program=qemu-system-x86_64
console=ttyS0
# The stub needs the header of the kernel's image at this address.
header_address=$((0x1f8000))

# number_at FILE OFFSET SIZE: print the number of SIZE bytes there
number_at() { od -An -v -tu"$3" -j"$2" -N"$3" "$1" | tr -d ' '; }

# unpack_payload TOOL...: unpack the standard input, which ends with four bytes
# that the tool may not expect: the size of the result
unpack_payload() { head -c -4 | "$@"; }

# prepare_kernel IMAGE FILE: unpack a bzImage, because that takes the emulated
# machine seconds. FILE.elf is the kernel and FILE.header its header. An
# unpacked kernel has its size at the end of the compressed one.
prepare_kernel() {
	local image=$1 file=$2 at size magic
	at=$((($(number_at "$image" 497 1) + 1) * 512 + $(number_at "$image" 584 4)))
	size=$(number_at "$image" 588 4)
	head -c 4096 "$image" >"$file.header"
	dd if="$image" of="$file.packed" bs=1M iflag=skip_bytes,count_bytes skip="$at" count="$size" status=none
	magic=$(od -An -v -tx1 -N4 "$file.packed" | tr -d ' ')
	case $magic in
	fd377a58) unpack_payload xz -dc ;;
	28b52ffd) unpack_payload zstd -qdc ;;
	02214c18) unpack_payload lz4 -qdc ;;
	1f8b*) gzip -dc ;;
	*) die "$image: unknown compression $magic: the bench unpacks xz, zstd, gzip and lz4" ;;
	esac <"$file.packed" >"$file.elf" || die "$image: its kernel cannot be unpacked"
	[ "$(stat -c %s "$file.elf")" = "$(number_at "$file.packed" $((size - 4)) 4)" ] || die "$image: its kernel has not the size that it names"
	rm "$file.packed"
}

# machine_arguments KERNEL LINE: set machine[] to the arguments of QEMU for the
# machine of a guest with $memory, $processors and ./initrd, whose RAM is in the
# file $ram. LINE is the kernel's command line.
#
# The kernel must not use the processor that could be added. Without it, QEMU
# would emulate the locked instructions of a guest with one processor by
# instructions that are not atomic for hyperv.
#
# The initramfs ends 32 MiB below the end of the RAM below 4 GiB. The last 16
# MiB belong to the firmware's system management mode, and the firmware keeps
# its tables below them.
machine_arguments() {
	local kernel=$1 line=$2 low=$memory size initrd
	[ "$memory" -le 2816 ] || low=2048
	size=$(stat -Lc %s initrd)
	initrd=$((((low - 32) * 1048576 - size) / 4096 * 4096))
	line="kernel=$header_address entry=$(number_at "$kernel.elf" 24 8) initrd=$initrd initrd_size=$size -- nr_cpus=$processors $line"
	machine=(-M "q35,memory-backend=ram" -cpu "EPYC,+svm,+x2apic" -smp "$processors,maxcpus=$((processors + 1))" -m "$memory"
		-object "memory-backend-file,id=ram,size=${memory}M,mem-path=$ram,share=on"
		-acpitable "file=$out/machine/amd64/ssdt.aml"
		-serial chardev:console
		-chardev "socket,id=bell,path=bell" -device "ivshmem-doorbell,chardev=bell,vectors=8,addr=1e.1"
		-kernel "$out/machine/amd64/stub.bin" -append "$line"
		-device "loader,file=$kernel.elf"
		-device "loader,file=$kernel.header,addr=$header_address,force-raw=on"
		-device "loader,file=initrd,addr=$initrd,force-raw=on")
}

# monitor_commands: print what QEMU's monitor is asked when a guest hangs: the
# state of the processors and of their interrupts, and then an NMI, at which a
# kernel that still can prints its own state
monitor_commands() {
	local processor
	for processor in $(seq 0 $((processors - 1))); do echo "info lapic $processor"; done
	printf '%s\n' 'info registers -a' 'info pic' 'info irq' nmi
}
