# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced after kernels.sh: a kernel of the administrator's own, for run -K DIR and check-modules KDIR=DIR. DIR is a built
# kernel tree, whose modules need not be installed, or a folder into which the packages of one kernel have been unpacked.

# resolved DIR PATH: where PATH leads when DIR is the root folder: absolute links stay inside
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

# find_own DIR: looks what is there, and sets own_release, own_image, own_modules, own_kdir, own_usr, own_config; those
# that it does not find are empty. A folder that is no kernel at all is an error.
find_own() {
	local path place
	[ -d "$1" ] || die "$1: there is no such folder"
	own_dir=$(realpath "$1")
	own_release='' own_image='' own_modules='' own_kdir='' own_usr='' own_config=''
	if [ -e "$own_dir/.config" ] || [ -e "$own_dir/include/config/auto.conf" ]; then
		find_tree
	elif [ -e "$own_dir/Kconfig" ] && [ -e "$own_dir/Makefile" ]; then
		die "$own_dir is a kernel's source without a configuration: configure it, and run 'make bzImage modules' in it"
	else
		find_packages
	fi
	# What has been unpacked is in a /usr of its own.
	place=${own_kdir:-/}
	if [[ "$place" = */usr/src/* ]] && [ -n "${place%%/usr/src/*}" ]; then own_usr=${place%%/usr/src/*}/usr; fi
	if [[ "$place" = */usr/lib/modules/* ]] && [ -n "${place%%/usr/lib/modules/*}" ]; then own_usr=${place%%/usr/lib/modules/*}/usr; fi
	[ -z "$own_usr" ] || own_kdir=/usr${own_kdir#"$own_usr"}
}

find_tree() {
	own_release=$(cat "$own_dir/include/config/kernel.release" 2>/dev/null || true)
	[ -n "$own_release" ] || die "$own_dir is a kernel tree that has not been built: run 'make bzImage modules' in it"
	own_config=$own_dir/.config
	[ -e "$own_config" ] || own_config=$own_dir/include/config/auto.conf
	[ ! -e "$own_dir/arch/x86/boot/bzImage" ] || own_image=$(realpath "$own_dir/arch/x86/boot/bzImage")
	[ ! -s "$own_dir/modules.order" ] || own_modules=$own_dir
	[ ! -e "$own_dir/include/generated/autoconf.h" ] || own_kdir=$own_dir
}

find_packages() {
	local path releases
	# A folder of modules with headers alone has no "kernel".
	releases=$(cd "$own_dir" && ls -d {usr/,}lib/modules/*/kernel boot/vmlinuz-* usr/src/{linux-headers-*,kernels/*}/include/config/kernel.release 2>/dev/null |
		while read -r path; do
			case $path in
			*/kernel.release) cat "$path" ;;
			*/kernel) basename "${path%/kernel}" ;;
			*) echo "${path#boot/vmlinuz-}" ;;
			esac
		done | sort -u || true)
	[ -n "$releases" ] ||
		die "$own_dir is neither a built kernel tree nor a folder with an unpacked kernel package: it has no .config, no lib/modules/RELEASE and no boot/vmlinuz-RELEASE"
	# shellcheck disable=SC2116,SC2086 # in one line
	[ "$(wc -l <<<"$releases")" = 1 ] || die "$own_dir has several kernels, $(echo $releases): unpack the packages of one into a folder of its own"
	own_release=$releases
	for path in "boot/vmlinuz-$own_release" {usr/,}"lib/modules/$own_release/vmlinuz"; do
		[ -n "$own_image" ] || [ ! -e "$own_dir/$path" ] || own_image=$own_dir/$path
	done
	for path in {usr/,}"lib/modules/$own_release"; do
		[ -n "$own_modules" ] || [ ! -d "$own_dir/$path/kernel" ] || own_modules=$own_dir/$path
	done
	for path in {/usr,}"/lib/modules/$own_release/build" "/usr/src/linux-headers-$own_release" "/usr/src/kernels/$own_release"; do
		path=$(resolved "$own_dir" "$path")
		[ -n "$own_kdir" ] || [ -z "$path" ] || [ ! -e "$own_dir$path/include/generated/autoconf.h" ] || own_kdir=$own_dir$path
	done
	for path in "$own_dir"/{boot/config-,usr/lib/modules/,lib/modules/}"$own_release"{,/config} "${own_kdir:-/nonexistent}"/{.config,include/config/auto.conf}; do
		[ -n "$own_config" ] || [ ! -f "$path" ] || own_config=$path
	done
}

# own_needs WHAT...: stops when something of what find_own looked for is not there
own_needs() {
	local what missing=''
	for what in "$@"; do
		case $what in
		image) [ -n "$own_image" ] || missing+=", its image (arch/x86/boot/bzImage, boot/vmlinuz-$own_release or lib/modules/$own_release/vmlinuz)" ;;
		modules) [ -n "$own_modules" ] || missing+=", its modules (modules.order of a tree, lib/modules/$own_release/kernel of a package)" ;;
		headers) [ -n "$own_kdir" ] || missing+=", what modules are built against (lib/modules/$own_release/build, usr/src/linux-headers-$own_release or usr/src/kernels/$own_release)" ;;
		esac
	done
	[ -n "$own_config" ] || [ -z "$own_image" ] || image_config || true
	[ -n "$own_config" ] || missing+=", its configuration (.config, boot/config-$own_release or lib/modules/$own_release/config)"
	[ -z "$missing" ] || die "$own_dir has Linux $own_release, and lacks ${missing#, }"
}

# image_config: the configuration out of the image itself, where CONFIG_IKCONFIG has put it, into own_config. The head of a
# bzImage tells where the compressed kernel is: Documentation/arch/x86/boot.rst
image_config() {
	local sectors offset length payload=$out/.payload-$own_release config=$out/.config-$own_release
	mkdir -p "$out"
	sectors=$(od -A n -j $((0x1f1)) -N 1 -t u1 "$own_image")
	read -r offset length < <(od -A n -j $((0x248)) -N 8 -t u4 "$own_image")
	tail -c +$(((sectors + 1) * 512 + offset + 1)) "$own_image" | head -c "$length" >"$payload"
	case $(od -A n -N 4 -t x1 "$payload" | tr -d ' ') in
	1f8b*) gzip -dcq "$payload" ;;
	fd377a58) xz -dcq "$payload" ;;
	28b52ffd) zstd -dcq "$payload" ;;
	5d0000*) xz -dcq --format=lzma "$payload" ;;
	02214c18) lz4 -dcq "$payload" ;;
	esac >"$payload.raw" 2>/dev/null || true
	offset=$(grep -abo IKCFG_ST "$payload.raw" | head -n 1 | cut -d: -f1)
	[ -n "$offset" ] || return 1
	tail -c +$((offset + 9)) "$payload.raw" | gzip -dcq >"$config" 2>/dev/null || true
	rm -f "$payload" "$payload.raw"
	[ ! -s "$config" ] || own_config=$config
}

# own_options: prints why the configuration is not for a guest of the bench
own_options() {
	local missing
	# shellcheck disable=SC2086 # words
	missing=$(missing_options "$own_config" $bench_needs)
	if [ -n "$missing" ]; then
		echo "its configuration lacks $missing"
	elif [ -z "${all_stock:-}" ] && grep -q '^CONFIG_UIO_HV_GENERIC=y' "$own_config"; then
		echo "CONFIG_UIO_HV_GENERIC=y has built in what our module replaces: it must be m or not set"
	fi
}

# make_own: puts what find_own found to where kernel_root finds it
make_own() {
	local folder=$own_kernels/$own_release image
	image=$folder/image
	rm -rf "$folder"
	mkdir -p "$image/boot" "$image/lib/modules/$own_release/kernel"
	echo "$own_release" >"$image/release"
	cp "$own_config" "$image/boot/config-$own_release"
	[ -z "$own_image" ] || cp "$own_image" "$image/boot/vmlinuz-$own_release"
	if [ -n "$own_modules" ] && [ "$own_modules" = "$own_dir" ]; then
		tree_modules "$image/lib/modules/$own_release"
	elif [ -n "$own_modules" ]; then
		# Links, if they can be: a distribution has half a gigabyte.
		cp -al "$own_modules/." "$image/lib/modules/$own_release/" 2>/dev/null || cp -a "$own_modules/." "$image/lib/modules/$own_release/"
		rm -rf "$image/lib/modules/$own_release"/{build,source,vdso}
	fi
	# Not every depmod reads them.
	find "$image/lib/modules/$own_release" -name '*.ko.gz' -exec gzip -df {} +
	touch "$image/lib/modules/$own_release"/modules.{builtin,builtin.modinfo,order}
	depmod -b "$image" "$own_release"
	if [ -n "$own_kdir" ]; then find_place "$folder"; else write_place "$folder" / ''; fi
}

# own_boots: stops when a module that every guest needs is not there
own_boots() {
	local module
	for module in hv_vmbus uio; do
		modprobe -d "$own_kernels/$own_release/image" -S "$own_release" --show-depends "$module" >/dev/null 2>&1 ||
			die "$own_dir has Linux $own_release, and lacks its module $module: run 'make modules' in a tree, or unpack the package of the other modules, too"
	done
}

# tree_modules INTO: the modules of a tree as modules_install would have them; modules.order names them with .o or .ko, some with kernel/
tree_modules() {
	local file
	while read -r file; do
		file=${file#kernel/}
		file=${file%.*}.ko
		[ -e "$own_dir/$file" ] || die "$own_dir: $file has not been built: run 'make modules' in it"
		mkdir -p "$1/kernel/${file%/*}"
		cp -l "$own_dir/$file" "$1/kernel/$file" 2>/dev/null || cp "$own_dir/$file" "$1/kernel/$file"
	done <"$own_dir/modules.order"
	sed 's|^kernel/||; s|^|kernel/|; s|\.o$|.ko|' "$own_dir/modules.order" >"$1/modules.order"
	cp "$own_dir"/modules.builtin{,.modinfo} "$1/" 2>/dev/null || true
}

# find_place FOLDER: writes FOLDER/place, see in_place: this machine, or else the Debian root in which the kernel's tools run, and
# if possible one whose compiler is the one that the kernel was built with
find_place() {
	local folder=$1 wanted said why='' suite base bases=(/) usable=() see=()
	wanted=$(sed -n 's/^CONFIG_GCC_VERSION=\([0-9]*\)[0-9]\{4\}$/\1/p' "$own_config")
	[ -n "$own_usr" ] || see=("$own_kdir")
	[ -n "$own_usr" ] || [ ! -e "$own_kdir/source" ] || see+=("$(realpath "$own_kdir/source")")
	if [ -z "${CC:-}" ]; then bases+=(bullseye bookworm trixie sid); fi
	for suite in "${bases[@]}"; do
		base=$suite
		[ "$base" = / ] || base=$("$vm/root" "kernel-$suite")
		write_place "$folder" "$base" "${CC:-}" "${see[@]}"
		# shellcheck disable=SC2016 # expanded where it runs
		said=$(in_place "$folder" "$folder" '
			command -v make >/dev/null && command -v ${CC:-gcc} >/dev/null || { echo "make or ${CC:-gcc} is not installed"; exit; }
			for file in Makefile Module.symvers include/generated/autoconf.h scripts/basic/fixdep scripts/mod/modpost; do
				[ -e "$KDIR/$file" ] || { echo "missing $KDIR/$file"; exit; }
			done
			for file in $(sed -n "s/^include \(\/.*\)/\1/p" "$KDIR/Makefile"); do
				[ -e "$file" ] || { echo "missing $file"; exit; }
			done
			for file in scripts/basic/fixdep scripts/mod/modpost tools/objtool/objtool; do
				[ ! -e "$KDIR/$file" ] || ! ldd "$KDIR/$file" 2>&1 | grep "not found" || exit 0
			done
			echo "runs $(${CC:-gcc} -dumpversion 2>/dev/null | cut -d. -f1)"' 2>&1) || true
		case $said in
		missing*) die "$own_dir: the headers of Linux $own_release are not complete, ${said#missing } is not there; unpack the package that has it, too, or run 'make modules' in a tree" ;;
		"runs $wanted") return ;;
		runs*) usable+=("$base") ;;
		*) why=${why:-$(head -n 1 <<<"$said")} ;;
		esac
	done
	[ ${#usable[@]} -gt 0 ] ||
		die "$own_dir: modules for Linux $own_release cannot be built on this machine${CC:+ with CC=$CC}: $why"
	[ -z "$wanted" ] || printf '      Linux %s: built by gcc %s, its modules are built by another\n' "$own_release" "$wanted" >&2
	write_place "$folder" "${usable[0]}" "${CC:-${wanted:+gcc}}" "${see[@]}"
}

# write_place FOLDER BASE CC SEE...
write_place() {
	local folder=$1 base=$2 cc=$3
	shift 3
	{
		printf 'base=%q usr=%q kdir=%q cc=%q see=(' "$base" "$own_usr" "$own_kdir" "$cc"
		[ $# = 0 ] || printf '%q ' "$@"
		echo ')'
	} >"$folder/place"
}
