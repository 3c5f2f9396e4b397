# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# Sourced after env.sh: the guest kernels, by the name that tests use. Each is
# the newest of its Debian suite; `debug` is the 6.12 one with every check that
# finds a driver's mistakes, `debug-5.10` the same of the oldest. A kernel of
# the administrator's own (own-kernel.sh) has its release as its name.

debian_kernels="5.10 6.1 6.12 7"
debug_kernels="debug debug-5.10"
# Those that a test runs on if it names none
all_kernels="$debian_kernels debug"
# What the administrator's own kernels consist of, a folder for each release
own_kernels=$out/kernels

is_own() { [ -n "$1" ] && [ -e "$own_kernels/$1/place" ]; }

kernel_suite() {
	case $1 in
	5.10) echo bullseye ;;
	6.1) echo bookworm ;;
	6.12) echo trixie ;;
	7) echo sid ;;
	debug | debug-5.10) echo "$1" ;;
	*) die "unknown kernel '$1': the bench has $debian_kernels $debug_kernels" ;;
	esac
}

# kernel_vmbus KERNEL: the newest version of VMBus that its host speaks. Windows
# Server 2016 has 4.0, Windows 10 1709 has 4.1, and Windows Server 2022 has 5.3.
kernel_vmbus() {
	case $1 in
	5.10 | debug-5.10) echo 4.0 ;;
	6.1) echo 4.1 ;;
	*) echo 5.3 ;;
	esac
}

# host_cpu VERSION: what a host of this version of VMBus adds to hyperv_cpu. The
# timers of newer hosts interrupt the processor directly; those of older ones
# send messages, through the page that VMBus uses, too.
host_cpu() {
	case $1 in
	5.*) echo hv-stimer-direct ;;
	esac
}

# kernel_root KERNEL: the place of its /image
kernel_root() { if is_own "$1"; then echo "$own_kernels/$1"; else "$vm/root" "kernel-$(kernel_suite "$1")"; fi; }

# kernel_release ROOT: of the root's unpacked image
kernel_release() { cat "$1/image/release"; }

# kernel_config KERNEL: the file with its configuration
kernel_config() {
	local root release file
	root=$(kernel_root "$1")
	release=$(kernel_release "$root")
	for file in "$root/image/boot/config-$release" "$root/image/lib/modules/$release/config" "$root/lib/modules/$release/build/.config" \
		"$root/usr/src/linux-debug/.config"; do
		if [ -e "$file" ]; then
			echo "$file"
			return
		fi
	done
	die "kernel $1 has no configuration in $root"
}

# missing_options CONFIG OPTION...: prints those that the configuration does not
# set, in one line, as CONFIG_X. An OPTION may have several names, A|B, as newer
# kernels have renamed some.
missing_options() {
	local config=$1 option missing=''
	shift
	for option in "$@"; do grep -qE "^CONFIG_($option)=" "$config" || missing+=", CONFIG_${option//|/ or CONFIG_}"; done
	echo "${missing#, }"
}

# missing_needs KERNEL NEED...: prints what of a test's needs the kernel does
# not have. They are options of its configuration, and
#   function:NAME   a function that modules may call
#   signed          the kernel's own uio_hv_generic is signed
#   takes, refuses  it (the stock one) takes a device without a monitor, or
#   refuses it, as before Linux 6.10
missing_needs() {
	local kernel=$1 need options=() missing='' said
	shift
	for need in "$@"; do
		said=''
		case $need in
		function:*) in_kernel "$kernel" "$out" "grep -qw ${need#*:} \"\$KDIR/Module.symvers\"" || said="the function ${need#*:}()" ;;
		signed) stock_says "$kernel" '~Module signature appended~' || said="a signed stock uio_hv_generic" ;;
		takes) ! stock_says "$kernel" 'vmbus channel requires hypercall' || said="a stock uio_hv_generic that takes a device without a monitor" ;;
		refuses) stock_says "$kernel" 'vmbus channel requires hypercall' || said="a stock uio_hv_generic that refuses a device without a monitor" ;;
		*) options+=("$need") ;;
		esac
		missing+=${said:+", $said"}
	done
	said=$(missing_options "$(kernel_config "$kernel")" "${options[@]}")
	missing=${said:+", $said"}$missing
	echo "${missing#, }"
}

# stock_says KERNEL WORDS: the kernel's own uio_hv_generic has these words in it
stock_says() {
	local file
	file=$(stock_module "$1")
	case $file in
	*.xz) file=$(xz -dc "$file" | grep -caF "$2") ;;
	*.zst) file=$(zstd -qdc "$file" | grep -caF "$2") ;;
	?*) file=$(grep -caF "$2" "$file") ;;
	esac
	[ "${file:-0}" != 0 ]
}

# stock_module KERNEL: the file of the kernel's own uio_hv_generic, if it has
# one
stock_module() {
	local root
	root=$(kernel_root "$1")
	ls "$root/image/lib/modules/"*/kernel/drivers/uio/uio_hv_generic.ko* 2>/dev/null || true
}

# What every guest needs of its kernel
bench_needs='X86_64 MODULES MODULE_UNLOAD BLK_DEV_INITRD BINFMT_ELF BINFMT_SCRIPT PRINTK TTY SERIAL_8250 SERIAL_8250_CONSOLE PROC_FS SYSFS'
bench_needs+=' DEVTMPFS TMPFS SHMEM MULTIUSER UNIX FUTEX EPOLL EVENTFD SIGNALFD TIMERFD POSIX_TIMERS ACPI PCI HYPERVISOR_GUEST'
bench_needs+=' HYPERV|HYPERV_VMBUS UIO VIRTIO_PCI VIRTIO_CONSOLE'

# kernel_modules ROOT DIR MODULE...: the modules and what they need, not
# compressed, into DIR/lib/modules/RELEASE
kernel_modules() {
	local root=$1 dir=$2 release file to
	shift 2
	release=$(kernel_release "$root")
	# Not every kernel has every module: the debug one has no NIC driver.
	for module in "$@"; do
		{ modprobe -d "$root/image" -S "$release" --show-depends "$module" 2>/dev/null || true; } | awk '$1 == "insmod" { print $2 }'
	done | sort -u | while read -r file; do
		to=$dir/lib/modules/$release/${file#*"/lib/modules/$release/"}
		mkdir -p "${to%/*}"
		case $file in
		*.xz) xz -dc "$file" >"${to%.xz}" ;;
		*.zst) zstd -qdc "$file" >"${to%.zst}" ;;
		*) cp "$file" "$to" ;;
		esac
		# A kernel that somebody built may have debugging information,
		# which the guest's memory has no room for.
		to=${to%.xz} to=${to%.zst}
		[ "$(readelf -S "$to" | grep -c ' \.debug_info ')" = 0 ] || strip --strip-debug "$to"
	done
	mkdir -p "$dir/lib/modules/$release"
	cp "$root/image/lib/modules/$release"/modules.{builtin,order} "$dir/lib/modules/$release/"
	cp "$root/image/lib/modules/$release/modules.builtin.modinfo" "$dir/lib/modules/$release/" 2>/dev/null || true
}

# in_kernel KERNEL DIR COMMAND: a command of the shell in DIR, where modules for
# the kernel can be built: KDIR is what they are built against, "$@" what make
# must be told besides, such as STOCK, the kernel's own uio_hv_generic
in_kernel() {
	local kernel=$1 dir=$2 command=$3 root stock
	root=$(kernel_root "$kernel")
	stock=$(stock_module "$kernel")
	if is_own "$kernel"; then
		in_place "$root" "$dir" "$command" "$stock"
	else
		in_root "$root" --bind "$dir" /build -- env "KDIR=/lib/modules/$(ls "$root/lib/modules")/build" \
			sh -c "cd /build && $command" sh ${stock:+"STOCK=${stock#"$root"}"}
	fi
}

# in_place FOLDER DIR COMMAND [STOCK]: the same for a kernel of the
# administrator's own, whose FOLDER has the file `place`:
# base   the root that has the compiler and the libraries of the kernel's tools,
#        or / for this machine
# usr    the /usr of an unpacked package: it is laid over base's, so that
#        absolute links and names in it lead into it
# see    what else must be visible there
# kdir   what modules are built against
# cc     the compiler, if it is not the default
in_place() {
	local folder=$1 dir=$2 command=$3 stock=${4:-} arguments
	(
		base='' usr='' see=() kdir='' cc=''
		# shellcheck disable=SC1091 # written by own-kernel.sh
		. "$folder/place"
		export KDIR=$kdir CC=$cc
		# BTF would need the pahole of the kernel, and no module needs
		# BTF.
		arguments=(CONFIG_DEBUG_INFO_BTF_MODULES= ${cc:+"CC=$cc"} ${stock:+"STOCK=$stock"})
		[ -z "$stock" ] || see+=("${stock%/*}")
		# shellcheck disable=SC2016 # expanded by the inner shell
		exec unshare --mount --pid --fork --propagation private bash -eu -c '
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

# build_module KERNEL: our module for a kernel; prints the place of the .ko
build_module() {
	local release src dir=$out/module-$1 log=$out/module-$1.log
	release=$(kernel_release "$(kernel_root "$1")")
	src=$dir/src
	mkdir -p "$src"
	rm -rf "${src:?}"/*
	cp -r "$top/kernel" "$top/VERSION" "$top/dkms.conf" "$src/"
	make -s -C "$src/kernel" clean >/dev/null 2>&1 || true
	# shellcheck disable=SC2016 # expanded where it runs
	in_kernel "$1" "$src" 'make -C kernel modules "KDIR=$KDIR" W=1 "$@"' >"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		die "the module does not build for $release; the log is $log"
	}
	printf '%s\n' "$src/kernel/uio_hv_generic.ko"
}

# build_test_module KERNEL SOURCE DIR NAME: a module of one file that a test
# loads beside ours, into DIR as NAME.ko
build_test_module() {
	local name=$4 build=$out/$4-$1
	rm -rf "$build"
	mkdir -p "$build"
	cp "$2" "$build/$name.c"
	echo "obj-m := $name.o" >"$build/Makefile"
	# shellcheck disable=SC2016 # expanded where it runs
	in_kernel "$1" "$build" 'make -C "$KDIR" "M=$PWD" W=1 "$@" modules' >"$build/log" 2>&1 || {
		tail -n 20 "$build/log" >&2
		die "$2 does not build for kernel $1; the log is $build/log"
	}
	cp "$build/$name.ko" "$3/"
}
