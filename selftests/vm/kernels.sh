# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# Scripts source this file after env.sh. It maps the names that tests use to
# guest kernels. Each one is the newest of its Debian suite. `6.12-rt` is the
# flavour with PREEMPT_RT. `debug` is the 6.12 kernel with every check that
# finds a driver's mistakes, and `debug-5.10` is the same for the oldest kernel.
# A kernel of the administrator (own-kernel.sh) has its release as its name.

debian_kernels="5.10 6.1 6.12 7"
debug_kernels="debug debug-5.10"
# Debian's kernels for arm64, with the size of their pages
arm64_kernels="6.12-16k 7-16k 6.1-4k 7-4k 7-64k"
# The kernels for a test that names none
all_kernels="$debian_kernels debug $arm64_kernels"
# A test that is named alone does not run on these.
rare_kernels="$debug_kernels 6.1-4k 7-4k 7-64k 6.12-rt"
# make check-all runs every test on these, ...
more_kernels="$debug_kernels 6.12-rt"
# ... and those that depend on the size of a page on these.
page_kernels="6.1-4k 7-64k"
# This directory has the parts of the administrator's own kernels, in a
# directory for each release.
own_kernels=$out/kernels

is_own() { [ -n "$1" ] && [ -e "$own_kernels/$1/place" ]; }

kernel_suite() {
	case $1 in
	5.10) echo bullseye ;;
	6.1 | 6.1-4k) echo bookworm ;;
	6.12 | 6.12-16k | 6.12-rt) echo trixie ;;
	7 | 7-4k | 7-16k | 7-64k) echo sid ;;
	debug | debug-5.10) echo "$1" ;;
	*) die "unknown kernel '$1': the bench has $debian_kernels 6.12-rt $debug_kernels $arm64_kernels" ;;
	esac
}

# kernel_vmbus KERNEL: print the newest version of VMBus that the host of this
# kernel offers. Windows Server 2016 has 4.0, Windows 10 1709 has 4.1, Windows
# Server 2022 has 5.3, and OpenVMM has 6.0.
kernel_vmbus() {
	case $1 in
	5.10 | debug-5.10) echo 4.0 ;;
	6.1 | 6.1-4k) echo 4.1 ;;
	7*) echo 6.0 ;;
	*) echo 5.3 ;;
	esac
}

# kernel_arch KERNEL: print the directory of its machine in machine/
kernel_arch() {
	case $1 in
	*-4k | *-16k | *-64k) echo arm64 ;;
	*) echo amd64 ;;
	esac
}

# root_name KERNEL: print the name of the root with the kernel, for ./root
root_name() {
	local suite
	suite=$(kernel_suite "$1")
	case $1 in
	*-4k) echo "kernel-$suite-arm64" ;;
	*-16k | *-64k) echo "kernel-$suite-arm64-${1#*-}" ;;
	*-rt) echo "kernel-$suite-rt" ;;
	*) echo "kernel-$suite" ;;
	esac
}

# kernel_root KERNEL: print the directory with the /image of the kernel
kernel_root() {
	if is_own "$1"; then echo "$own_kernels/$1"; else "$vm/root" "$(root_name "$1")"; fi
}

# kernel_release ROOT: print the release of the root's unpacked image
kernel_release() { cat "$1/image/release"; }

# kernel_config KERNEL: print the path of the kernel's configuration
kernel_config() {
	local root release file
	root=$(kernel_root "$1")
	release=$(kernel_release "$root")
	for file in "$root/image/boot/config-$release" "$root/image/lib/modules/$release/config" "$root/lib/modules/$release/build/.config" \
		"$root/usr/src/linux/.config"; do
		if [ -e "$file" ]; then
			echo "$file"
			return
		fi
	done
	die "kernel $1 has no configuration in $root"
}

# dpdk_root KERNEL: print the directory with the DPDK of the kernel's suite
dpdk_root() {
	local suite
	suite=$(kernel_suite "$1")
	case $suite in debug*) suite=trixie ;; esac
	[ "$(kernel_arch "$1")" = amd64 ] || suite+=-arm64
	"$vm/root" "dpdk-$suite"
}

# missing_options CONFIG OPTION...: print the options that the configuration
# does not set, in one line, as CONFIG_X. An OPTION may have several names, A|B,
# because newer kernels have renamed some.
missing_options() {
	local config=$1 option missing=''
	shift
	for option in "$@"; do grep -qE "^CONFIG_($option)=" "$config" || missing+=", CONFIG_${option//|/ or CONFIG_}"; done
	echo "${missing#, }"
}

# missing_needs KERNEL NEED...: print the needs of a test that the kernel does
# not meet. They are options of its configuration, and
#   function:NAME   a function that modules may call
#   signed          the kernel's own uio_hv_generic is signed
missing_needs() {
	local kernel=$1 need options=() missing='' said
	shift
	for need in "$@"; do
		said=''
		case $need in
		function:*) in_kernel "$kernel" "$out" "grep -qw ${need#*:} \"\$KDIR/Module.symvers\"" || said="the function ${need#*:}()" ;;
		signed) stock_is_signed "$kernel" || said="a signed stock uio_hv_generic" ;;
		*) options+=("$need") ;;
		esac
		missing+=${said:+", $said"}
	done
	said=$(missing_options "$(kernel_config "$kernel")" "${options[@]}")
	missing=${said:+", $said"}$missing
	echo "${missing#, }"
}

# stock_is_signed KERNEL: whether the kernel's own uio_hv_generic ends with a
# signature
stock_is_signed() {
	local file
	file=$(stock_module "$1")
	[ -n "$file" ] && unpacked "$file" | tail -c 28 | grep -q 'Module signature appended'
}

# unpacked FILE: print the module in a file, which may be compressed
unpacked() {
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -qdc "$1" ;;
	*) cat "$1" ;;
	esac
}

# stock_module KERNEL: print the path of the kernel's own uio_hv_generic, if it
# has one
stock_module() {
	local root
	root=$(kernel_root "$1")
	ls "$root/image/lib/modules/"*/kernel/drivers/uio/uio_hv_generic.ko* 2>/dev/null || true
}

# The options that every guest needs in its kernel
bench_needs='X86_64 MODULES MODULE_UNLOAD BLK_DEV_INITRD BINFMT_ELF BINFMT_SCRIPT PRINTK TTY SERIAL_8250 SERIAL_8250_CONSOLE PROC_FS SYSFS'
bench_needs+=' DEVTMPFS TMPFS SHMEM MULTIUSER UNIX FUTEX EPOLL EVENTFD SIGNALFD TIMERFD POSIX_TIMERS ACPI PCI HYPERVISOR_GUEST'
bench_needs+=' HYPERV|HYPERV_VMBUS UIO VIRTIO_PCI VIRTIO_CONSOLE'

# kernel_modules ROOT DIR MODULE...: copy modules of the root's unpacked image,
# as copy_modules does
kernel_modules() { copy_modules "$1/image" "$(kernel_release "$1")" "${@:2}"; }

# copy_modules FROM RELEASE DIR MODULE...: copy the modules of this kernel and
# their dependencies from FROM/lib/modules, not compressed, into
# DIR/lib/modules/RELEASE
copy_modules() {
	local from=$1 release=$2 dir=$3 file to
	shift 3
	# A kernel may lack a module: the debug kernel has no NIC driver.
	for module in "$@"; do
		{ modprobe -d "$from" -S "$release" --show-depends "$module" 2>/dev/null || true; } | awk '$1 == "insmod" { print $2 }'
	done | sort -u | while read -r file; do
		to=$dir/lib/modules/$release/${file#*"/lib/modules/$release/"}
		to=${to%.xz} to=${to%.zst}
		mkdir -p "${to%/*}"
		unpacked "$file" >"$to"
		# A kernel that somebody has built may have debugging
		# information, for which the guest has too little memory.
		[ "$(readelf -S "$to" | grep -c ' \.debug_info ')" = 0 ] || strip --strip-debug "$to"
	done
	mkdir -p "$dir/lib/modules/$release"
	cp "$from/lib/modules/$release"/modules.{builtin,order} "$dir/lib/modules/$release/"
	cp "$from/lib/modules/$release/modules.builtin.modinfo" "$dir/lib/modules/$release/" 2>/dev/null || true
}

# loose_modules KERNEL DIR MODULE...: copy the modules and their dependencies,
# not compressed, into DIR, except those that are built into the kernel
loose_modules() {
	local kernel=$1 dir=$2 tree
	shift 2
	tree=$(mktemp -d)
	kernel_modules "$(kernel_root "$kernel")" "$tree" "$@"
	mkdir -p "$dir"
	find "$tree" -name '*.ko' -exec cp {} "$dir/" \;
	rm -r "$tree"
}

# in_kernel KERNEL DIR COMMAND: run a shell command in DIR, in a place that can
# build modules for the kernel. KDIR is the directory against which they are
# built, and "$@" has further arguments for make, such as STOCK, the kernel's
# own uio_hv_generic.
in_kernel() {
	local kernel=$1 dir=$2 command=$3 root stock words=()
	root=$(kernel_root "$kernel")
	stock=$(stock_module "$kernel")
	[ -z "$stock" ] || words+=("STOCK=${stock#"$root"}")
	[ "$(kernel_arch "$kernel")" = amd64 ] || words+=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-)
	if is_own "$kernel"; then
		in_place "$root" "$dir" "$command" "$stock"
	else
		in_root "$root" --bind "$dir" /build -- env "KDIR=/lib/modules/$(root_release "$root")/build" \
			sh -c "cd /build && $command" sh "${words[@]}"
	fi
}

# in_place FOLDER DIR COMMAND [STOCK]: do the same for a kernel of the
# administrator, whose FOLDER has the file `place`:
# base   the root that has the compiler and the libraries of the kernel's tools,
#        or / for this machine
# usr    the /usr of an unpacked package, which is mounted over that of base, so
#        that absolute links and names in it lead into it
# see    other directories that must be visible there
# kdir   the directory against which modules are built
# cc     the compiler, if it is not the default
in_place() {
	local folder=$1 dir=$2 command=$3 stock=${4:-} arguments
	(
		base='' usr='' see=() kdir='' cc=''
		# shellcheck disable=SC1091 # written by own-kernel.sh
		. "$folder/place"
		export KDIR=$kdir CC=$cc
		# BTF would need the kernel's version of pahole, and no module
		# needs BTF.
		arguments=(CONFIG_DEBUG_INFO_BTF_MODULES= ${cc:+"CC=$cc"} ${stock:+"STOCK=$stock"})
		[ -z "$stock" ] || see+=("${stock%/*}")
		# shellcheck disable=SC2016 # expanded by the inner shell
		exec unshare --mount --pid --kill-child --propagation private bash -eu -c '
			base=$1 usr=$2 dir=$3 command="cd \"\$0\" && $4" count=$5
			shift 5
			[ -z "$usr" ] || mount -t overlay overlay -o "ro,lowerdir=$usr:${base%/}/usr" "${base%/}/usr"
			mount -t proc proc "${base%/}/proc"
			[ "$base" != / ] || exec sh -c "$command" "$dir" "${@:count + 1}"
			mount --rbind /dev "$base/dev"
			for path in "$dir" "${@:1:count}"; do
				mkdir -p "$base$path"
				mount --bind "$path" "$base$path"
			done
			exec chroot "$base" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
				"KDIR=$KDIR" "CC=$CC" sh -c "$command" "$dir" "${@:count + 1}"
		' in_place "$base" "$usr" "$dir" "$command" ${#see[@]} "${see[@]}" "${arguments[@]}"
	)
}

# module_sources DIR: copy the sources of the module
module_sources() {
	mkdir -p "$1"
	cp -r "$top/kernel" "$top/VERSION" "$top/dkms.conf" "$1/"
	make -s -C "$1/kernel" clean >/dev/null 2>&1 || true
}

# build_for KERNEL DIR COMMAND: run in_kernel with the command on the sources in
# DIR/new, as DIR/src, unless the last run had the same sources and kernel
build_for() {
	local kernel=$1 dir=$2 key
	key="$(digest "$dir/new") $(stat -c %i.%W "$(kernel_root "$kernel")")"
	! has_key "$dir/key" "$key" || return 0
	rm -rf "$dir/src" "$dir/key"
	mv "$dir/new" "$dir/src"
	in_kernel "$kernel" "$dir/src" "$3" >"$dir/log" 2>&1 ||
		die_with "$dir/log" "${dir##*/} does not build for $(kernel_release "$(kernel_root "$kernel")")"
	echo "$key" >"$dir/key"
}

# build_module KERNEL: build the module for a kernel, and print the path of the
# .ko
build_module() {
	local dir=$out/module-$1
	rm -rf "$dir/new"
	module_sources "$dir/new"
	# shellcheck disable=SC2016 # expanded where it runs
	build_for "$1" "$dir" 'make -C kernel modules "KDIR=$KDIR" W=1 "$@"'
	printf '%s\n' "$dir/src/kernel/uio_hv_generic.ko"
}

# static_program KERNEL FILE SOURCE [OPTION]...: compile a program for the
# guests of a kernel, which needs no library. /bench is this directory.
static_program() {
	local kernel=$1 file=$2 source=$3 root=build-bookworm compiler=gcc
	shift 3
	[ "$(kernel_arch "$kernel")" = amd64 ] || root=build-bookworm-arm64 compiler=aarch64-linux-gnu-gcc
	mkdir -p "${file%/*}"
	in_root "$("$vm/root" $root)" --bind "$vm" /bench --bind "${source%/*}" /mnt --bind "${file%/*}" /opt -- \
		$compiler -std=gnu11 -D_GNU_SOURCE -static -O2 -Wall -Wextra -Werror "$@" -o "/opt/${file##*/}" "/mnt/${source##*/}"
}

# build_test_module KERNEL SOURCE DIR NAME: build a module of one file into DIR
# as NAME.ko. A test loads it beside the project's module.
build_test_module() {
	local name=$4 dir=$out/$4-$1
	rm -rf "$dir/new"
	mkdir -p "$dir/new"
	cp "$2" "$dir/new/$name.c"
	echo "obj-m := $name.o" >"$dir/new/Makefile"
	# shellcheck disable=SC2016 # expanded where it runs
	build_for "$1" "$dir" 'make -C "$KDIR" "M=$PWD" W=1 "$@" modules'
	cp "$dir/src/$name.ko" "$3/"
}
