# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2012,SC2154
# run and check-modules source this file after kernels.sh, for a kernel of the
# administrator: run -K DIR, check-modules KDIR=DIR. DIR is a built kernel tree,
# whose modules need not be installed, a directory of headers, or a directory
# with the unpacked packages of one kernel.

# resolved DIR PATH: print the target of PATH if DIR is the root directory, so
# that absolute links stay inside. Print nothing if the target does not exist.
resolved() {
	local path=$2 target
	while [ -L "$1$path" ]; do
		target=$(readlink "$1$path")
		case $target in
		/*) path=$target ;;
		*) path=$(realpath -m -s "${path%/*}/$target") ;;
		esac
	done
	[ ! -e "$1$path" ] || echo "$path"
}

# find_own DIR: set own_release, own_image, own_modules, own_kdir, own_usr and
# own_config to the parts that DIR has, and to nothing for the others. Stop if
# DIR contains no kernel at all.
find_own() {
	local usr
	[ -d "$1" ] || die "'$1' is not a folder with a kernel"
	own_dir=$(realpath "$1")
	own_release='' own_image='' own_modules='' own_kdir='' own_usr='' own_config=''
	if [ -e "$own_dir/.config" ] || [ -e "$own_dir/include/config/auto.conf" ]; then
		find_tree
	else
		find_packages
	fi
	# Unpacked headers have their own /usr.
	case $own_kdir in
	*/usr/src/*) usr=${own_kdir%%/usr/src/*} ;;
	*/usr/lib/modules/*) usr=${own_kdir%%/usr/lib/modules/*} ;;
	*) usr='' ;;
	esac
	if [ -n "$usr" ]; then
		own_usr=$usr/usr
		own_kdir=${own_kdir#"$usr"}
	fi
}

# uts_release TREE: print the release that modules built with this tree or these
# headers are for. The file kernel.release of Debian 12's headers has another.
uts_release() { sed -n 's/^#define UTS_RELEASE "\(.*\)"$/\1/p' "$1/include/generated/utsrelease.h" 2>/dev/null; }

find_tree() {
	own_release=$(uts_release "$own_dir" || true)
	[ -n "$own_release" ] ||
		die "$own_dir is a kernel tree that has not been built: run 'make bzImage modules' in it"
	own_config=$own_dir/.config
	[ -e "$own_config" ] || own_config=$own_dir/include/config/auto.conf
	[ ! -e "$own_dir/arch/x86/boot/bzImage" ] ||
		own_image=$(realpath "$own_dir/arch/x86/boot/bzImage")
	[ ! -s "$own_dir/modules.order" ] || own_modules=$own_dir
	[ ! -e "$own_dir/include/generated/autoconf.h" ] || own_kdir=$own_dir
}

# releases: print the release of each kernel that has a part in own_dir
releases() {
	local path
	cd "$own_dir" || return
	ls -d {usr/,}lib/modules/*/kernel boot/vmlinuz-* \
		usr/src/{linux-headers-*,kernels/*}/include/generated/utsrelease.h 2>/dev/null |
		while read -r path; do
			case $path in
			*/utsrelease.h) uts_release "${path%/include/generated/utsrelease.h}" ;;
			*/kernel) basename "${path%/kernel}" ;;
			*) echo "${path#boot/vmlinuz-}" ;;
			esac
		done | sort -u
}

find_packages() {
	local release path
	release=$(releases || true)
	[ -n "$release" ] ||
		die "$own_dir is neither a built kernel tree nor a folder with an unpacked kernel package:" \
			"it has no .config, no lib/modules/RELEASE and no boot/vmlinuz-RELEASE"
	[ "$(wc -l <<<"$release")" = 1 ] ||
		die "$own_dir has several kernels, $(paste -sd ' ' <<<"$release"):" \
			"unpack the packages of one into a folder of its own"
	own_release=$release
	for path in "boot/vmlinuz-$release" {usr/,}"lib/modules/$release/vmlinuz"; do
		[ -n "$own_image" ] || [ ! -e "$own_dir/$path" ] || own_image=$own_dir/$path
	done
	for path in {usr/,}"lib/modules/$release"; do
		[ -n "$own_modules" ] || [ ! -d "$own_dir/$path/kernel" ] || own_modules=$own_dir/$path
	done
	for path in {/usr,}"/lib/modules/$release/build" \
		"/usr/src/linux-headers-$release" "/usr/src/kernels/$release"; do
		path=$own_dir$(resolved "$own_dir" "$path")
		[ -n "$own_kdir" ] || [ ! -e "$path/include/generated/autoconf.h" ] || own_kdir=$path
	done
	for path in "$own_dir/boot/config-$release" "$own_dir"/{usr/,}"lib/modules/$release/config" \
		"$own_kdir"/{.config,include/config/auto.conf}; do
		[ -n "$own_config" ] || [ "$path" = "${path#"$own_dir"}" ] || [ ! -f "$path" ] ||
			own_config=$path
	done
}

# own_needs WHAT...: stop if find_own has not found the configuration or one of
# image, modules, headers
own_needs() {
	local what missing='' lib=lib/modules/$own_release
	for what in "$@"; do
		case $what in
		image)
			[ -n "$own_image" ] || missing+=", its image (arch/x86/boot/bzImage of a tree;`
				` boot/vmlinuz-$own_release or $lib/vmlinuz of a package)"
			;;
		modules)
			[ -n "$own_modules" ] || missing+=", its modules (modules.order of a tree;`
				` $lib/kernel of a package)"
			;;
		headers)
			[ -n "$own_kdir" ] || missing+=", its headers ($lib/build,`
				` usr/src/linux-headers-$own_release or usr/src/kernels/$own_release)"
			;;
		esac
	done
	[ -n "$own_config" ] ||
		missing+=", its configuration (.config, boot/config-$own_release or $lib/config)"
	[ -z "$missing" ] || die "$own_dir has Linux $own_release, and lacks ${missing#, }"
}

# own_options: print why the configuration does not suit a guest of the bench
own_options() {
	local missing
	# shellcheck disable=SC2086 # words
	missing=$(missing_options "$own_config" $bench_needs)
	if [ -n "$missing" ]; then
		echo "its configuration, $own_config, lacks $missing"
	elif [ -z "${all_stock:-}" ] && grep -q '^CONFIG_UIO_HV_GENERIC=y' "$own_config"; then
		echo "CONFIG_UIO_HV_GENERIC=y in $own_config builds in what our module replaces: it must be m or not set"
	fi
}

# make_own: put the parts that find_own has found into the directory in which
# kernel_root looks for them
make_own() {
	local folder=$own_kernels/$own_release image modules
	image=$folder/image modules=$folder/image/lib/modules/$own_release
	rm -rf "$folder"
	mkdir -p "$image/boot" "$modules/kernel"
	echo "$own_release" >"$image/release"
	cp "$own_config" "$image/boot/config-$own_release"
	[ -z "$own_image" ] || cp "$own_image" "$image/boot/vmlinuz-$own_release"
	if [ -n "$own_modules" ] && [ "$own_modules" = "$own_dir" ]; then
		tree_modules "$modules"
	elif [ -n "$own_modules" ]; then
		# Use hard links where possible, because a distribution's
		# modules take half a gigabyte.
		cp -al "$own_modules/." "$modules/" 2>/dev/null || cp -a "$own_modules/." "$modules/"
		rm -rf "$modules"/{build,source,vdso}
	fi
	# Some versions of depmod cannot read modules of this compression.
	find "$modules" -name '*.ko.gz' -exec gzip -df {} +
	touch "$modules"/modules.{builtin,builtin.modinfo,order}
	depmod -b "$image" "$own_release"
	if [ -n "$own_kdir" ]; then find_place "$folder"; else write_place "$folder" / ''; fi
}

# own_boots: stop if a module is missing that every guest needs
own_boots() {
	local module
	for module in hv_vmbus uio virtio_console; do
		modprobe -d "$own_kernels/$own_release/image" -S "$own_release" --show-depends "$module" \
			>/dev/null 2>&1 || die "$own_dir has Linux $own_release, and lacks its module $module:" \
			"run 'make modules' in a tree, or unpack the package of the other modules, too"
	done
}

# tree_modules INTO: copy the modules of a tree as modules_install does. Lines
# of modules.order end with .o or .ko, and some begin with kernel/.
tree_modules() {
	local file
	while read -r file; do
		file=${file#kernel/}
		file=${file%.*}.ko
		[ -e "$own_dir/$file" ] || die "$own_dir/$file has not been built: run 'make modules' there"
		mkdir -p "$1/kernel/${file%/*}"
		cp -l "$own_dir/$file" "$1/kernel/$file" 2>/dev/null || cp "$own_dir/$file" "$1/kernel/$file"
	done <"$own_dir/modules.order"
	sed 's|^kernel/||; s|^|kernel/|; s|\.o$|.ko|' "$own_dir/modules.order" >"$1/modules.order"
	cp "$own_dir"/modules.builtin{,.modinfo} "$1/" 2>/dev/null || true
}

# find_place FOLDER: write FOLDER/place for in_place. It names this machine or
# the Debian root of one of the bench's kernels: the first one in which the
# tools of the kernel's headers run and whose compiler has the version of the
# kernel's, or else the first one in which the tools run.
find_place() {
	local folder=$1 wanted said why='' suite base bases=(/) usable=() see=()
	wanted=$(sed -n 's/^CONFIG_GCC_VERSION=\([0-9]*\)[0-9]\{4\}$/\1/p' "$own_config")
	if [ -z "$own_usr" ]; then
		see=("$own_kdir")
		# A tree that was built with O= also needs its source.
		[ ! -e "$own_kdir/source" ] || see+=("$(realpath "$own_kdir/source")")
	fi
	if [ -z "${CC:-}" ]; then bases+=(bullseye bookworm trixie sid); fi
	for suite in "${bases[@]}"; do
		base=$suite
		[ "$base" = / ] || base=$("$vm/root" "kernel-$suite")
		write_place "$folder" "$base" "${CC:-}" "${see[@]}"
		# shellcheck disable=SC2016 # expanded where it runs
		said=$(in_place "$folder" "$folder" '
			for tool in make "${CC:-gcc}"; do
				command -v $tool >/dev/null || { echo "$tool is not installed"; exit; }
			done
			tools="scripts/basic/fixdep scripts/mod/modpost"
			for file in Makefile Module.symvers include/generated/autoconf.h $tools; do
				[ -e "$KDIR/$file" ] || { echo "missing $KDIR/$file"; exit; }
			done
			for file in $(sed -n "s/^include \(\/.*\)/\1/p" "$KDIR/Makefile"); do
				[ -e "$file" ] || { echo "missing $file"; exit; }
			done
			for file in $tools tools/objtool/objtool; do
				[ ! -e "$KDIR/$file" ] || ! ldd "$KDIR/$file" 2>&1 | grep "not found" || exit 0
			done
			echo "runs $(${CC:-gcc} -dumpversion | cut -d. -f1)"' 2>&1) || true
		case $said in
		missing*)
			die "$own_dir: the headers of Linux $own_release are not complete," \
				"${said#missing } is not there: unpack the package that has it," \
				"or run 'make modules' in a tree"
			;;
		"runs $wanted") return ;;
		runs*) usable+=("$base") ;;
		*) why=${why:-$(head -n 1 <<<"$said")} ;;
		esac
	done
	[ ${#usable[@]} -gt 0 ] ||
		die "$own_dir: no module for Linux $own_release can be built here${CC:+ with CC=$CC}: $why"
	[ -z "$wanted" ] || printf '      Linux %s: gcc %s has built it, another one builds its modules\n' \
		"$own_release" "$wanted" >&2
	write_place "$folder" "${usable[0]}" "${CC:-${wanted:+gcc}}" "${see[@]}"
}

# write_place FOLDER BASE CC [SEE]...
write_place() {
	local folder=$1 base=$2 cc=$3
	shift 3
	{
		printf 'base=%q usr=%q kdir=%q cc=%q see=(' "$base" "$own_usr" "$own_kdir" "$cc"
		[ $# = 0 ] || printf '%q ' "$@"
		echo ')'
	} >"$folder/place"
}
