# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced after env.sh: the guest kernels, by the name that tests use. Each is the newest of its Debian suite; `debug` is
# the 6.12 one with every check that finds a driver's mistakes.

debian_kernels="5.10 6.1 6.12 7"
all_kernels="$debian_kernels debug"

kernel_suite() {
	case $1 in
	5.10) echo bullseye ;;
	6.1) echo bookworm ;;
	6.12) echo trixie ;;
	7) echo sid ;;
	debug) echo debug ;;
	*) die "unknown kernel '$1': the bench has $all_kernels" ;;
	esac
}

kernel_root() { "$vm/root" "kernel-$(kernel_suite "$1")"; }

# kernel_release ROOT: of the root's unpacked image
kernel_release() { cat "$1/image/release"; }

# kernel_modules ROOT DIR MODULE...: the modules and what they need, not compressed, into DIR/lib/modules/RELEASE
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
	done
	mkdir -p "$dir/lib/modules/$release"
	cp "$root/image/lib/modules/$release"/modules.{builtin,order} "$dir/lib/modules/$release/"
	cp "$root/image/lib/modules/$release/modules.builtin.modinfo" "$dir/lib/modules/$release/" 2>/dev/null || true
}

# build_module KERNEL: our module for a kernel, built in its suite's root; prints the place of the .ko
build_module() {
	local root release src dir=$out/module-$1 log=$out/module-$1.log
	root=$(kernel_root "$1")
	release=$(ls "$root/lib/modules")
	src=$dir/src
	mkdir -p "$src"
	rm -rf "${src:?}"/*
	cp -r "$top/kernel" "$top/VERSION" "$top/dkms.conf" "$src/"
	make -s -C "$src/kernel" clean >/dev/null 2>&1 || true
	in_root "$root" --bind "$src" /build -- make -C /build/kernel modules KDIR="/lib/modules/$release/build" W=1 >"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		die "the module does not build for $release; the log is $log"
	}
	printf '%s\n' "$src/kernel/uio_hv_generic.ko"
}

# build_test_module KERNEL SOURCE DIR: a module of one file that a test loads beside ours, into DIR
build_test_module() {
	local root build name
	root=$(kernel_root "$1")
	name=$(basename "$2" .c)
	build=$out/$name-$1
	rm -rf "$build"
	mkdir -p "$build"
	cp "$2" "$build/"
	echo "obj-m := $name.o" >"$build/Makefile"
	in_root "$root" --bind "$build" /build -- make -C "/lib/modules/$(ls "$root/lib/modules")/build" M=/build W=1 modules >"$build/log" 2>&1 || {
		tail -n 20 "$build/log" >&2
		die "$2 does not build for kernel $1; the log is $build/log"
	}
	cp "$build/$name.ko" "$3/"
}
