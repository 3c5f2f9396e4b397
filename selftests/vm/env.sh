# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034
# Every script of the bench sources this file. It sets the directories, prints
# messages, and enters roots.

set -euo pipefail

vm=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$vm/../.." && pwd)
. "$top/selftests/reason.sh"
# The cache contains downloads, roots and kernels. Runs and checkouts share it,
# and you can delete it at any time.
cache=${HYPERV_UIO_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyperv-uio}
# The build directory of this checkout
O=${O:-build}
[ "${O#/}" != "$O" ] || O=$top/$O
out=$O/vm
# make would pass the variables of its command line, such as O=, to every make
# in a root.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 2
}

# die_with LOG WHY: stop, and print the end of a log
die_with() {
	tail -n 15 "$1" >&2
	die "$2; the log is $1"
}

need() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || die "$tool is not installed; 'make deps-check' installs what the bench needs"
	done
}

need_root() {
	[ "$(id -u)" = 0 ] || die "the bench builds Debian roots with chroot and needs root: run it with sudo, or in a container as root"
}

# need_room MIB DIR: stop if the file system of DIR has less free space
need_room() {
	local have
	mkdir -p "$2" || die "cannot create $2"
	have=$(df -Pm "$2" | awk 'NR == 2 { print $4 }')
	[ "$have" -ge "$1" ] || die "$2 has $have MiB free, $1 MiB are needed: make room, or set HYPERV_UIO_CACHE and O to a larger disk"
}

# package_sources DIR: copy the sources of the packages, which are this checkout
# without the bench
package_sources() {
	rm -rf "$1"
	HYPERV_UIO_OUTPUT=$O "$top/packaging/export" "$1"
	rm -rf "$1"/selftests/vm "$1"/.ci
}

# has_key FILE KEY: whether the last build stored this key in FILE, so that
# nothing has to be built
has_key() { [ -e "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# built_from_sources DIR VERSION FUNCTION: print DIR, for which the function
# builds the sources of the packages, if they have changed. They are in
# DIR-source, with this version unless it is empty.
built_from_sources() {
	locked "$1.lock" build_if_changed "$@"
	echo "$1"
}
build_if_changed() {
	local dir=$1 version=$2 builder=$3 key start=$SECONDS
	package_sources "$dir-source"
	[ -z "$version" ] || "$dir-source/packaging/set-version" "$version"
	key=$(digest "$dir-source")
	! has_key "$dir/.key" "$key" || return 0
	rm -rf "$dir"
	mkdir -p "$dir"
	"$builder"
	printf '%s' "$key" >"$dir/.key"
	printf '      %s: built in %d s\n' "${dir##*/}" $((SECONDS - start)) >&2
}

# later_version: print a version that is later than that of this checkout
later_version() {
	local version
	version=$(cat "$top/VERSION")
	echo "${version%.*}.$((${version##*.} + 1))"
}

# make_key DIR: make DIR the home of gpg, with a key that exists only for a test
key_name=test@hyperv-uio.invalid
make_key() {
	mkdir -m 700 "$1" && GNUPGHOME=$1 gpg --batch --quiet --passphrase '' --quick-gen-key "$key_name" rsa3072 sign
}

# apt_lacks LOG: if the log of apt shows that the archive does not have some
# packages, print one sentence that names them and says what to do
apt_lacks() {
	local unknown gone
	unknown=$(sed -nE "s/^E: Unable to locate package ([^ ]*).*/\1/p
		s/^E: Package '([^']*)' has no installation candidate.*/\1/p
		s/^E: Can not find version '([^']*)' of package '([^']*)'.*/\2=\1/p" "$1" | sort -u | paste -sd ' ')
	gone=$(sed -nE 's/^E: Failed to fetch [^ ]*\/([^_ /]*)_[^ /]* .*(404|File not found).*/\1/p' "$1" | sort -u | paste -sd ' ')
	if [ -n "$unknown" ]; then
		echo "the archive has no $unknown: change the name in selftests/vm, or set HYPERV_UIO_MIRROR to a mirror that has it"
	elif [ -n "$gone" ]; then
		echo "the archive lists $gone and does not have the file: try again later, or set HYPERV_UIO_MIRROR to another mirror"
	fi
}

# apt_reason LOG: print why apt or mmdebstrap could not do what its log shows
apt_reason() {
	local lacks network=''
	lacks=$(apt_lacks "$1")
	! grep -q '^E: Failed to fetch' "$1" || network='is the network there? '
	# After the reason come lines that only say that something has failed.
	echo "${lacks:-$network$(reason <(grep -vE '^[IW]: |^E: (Some index files|apt-get |setup failed|mmdebstrap )' "$1"))}"
}

# root_release ROOT: print the release of the only kernel that is installed
root_release() {
	local releases
	releases=$(ls "$1/lib/modules") || return
	[[ "$releases" != *[[:space:]]* ]] ||
		die "$1 has several kernels, ${releases//[[:space:]]/ }: remove $1 and make it again on a day when the archive's linux-image and linux-headers agree"
	echo "$releases"
}

# digest DIR: print a digest of all files in it
digest() { (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16); }

# empty_ext4 SIZE FILE [OPTION...]: make an empty ext4 with these options of
# mke2fs, and compress it with gzip
empty_ext4() {
	local image
	need mke2fs
	image=$(mktemp)
	truncate -s "$1" "$image"
	mke2fs -q -t ext4 "${@:3}" "$image"
	gzip -9 <"$image" >"$2"
	rm "$image"
}

# libraries_of ROOT TREE FILE...: print the paths, in the root, of all libraries
# that these programs and libraries need, and that TREE of a guest does not have
# yet. The root may have those of two architectures.
libraries_of() {
	local root=$1 tree=$2 triplet file name path found seen=' ' files
	shift 2
	files=("$@")
	case $(readelf -h "$1" | sed -n 's/ *Machine: *//p') in
	AArch64) triplet=aarch64-linux-gnu ;;
	*) triplet=x86_64-linux-gnu ;;
	esac
	while [ ${#files[@]} -gt 0 ]; do
		file=${files[0]}
		files=("${files[@]:1}")
		for name in $(readelf -d "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p'); do
			[[ $seen != *" $name "* ]] || continue
			seen+="$name " found=''
			[ ! -e "$tree/usr/lib/$triplet/$name" ] || continue
			for path in {/usr,}/lib/$triplet/$name /lib64/$name; do
				if [ -e "$root$path" ]; then
					found=$path
					break
				fi
			done
			[ -n "$found" ] || die "$root lacks $name, which $file needs"
			echo "$found"
			files+=("$root$found")
		done
	done
}

# copy_libraries ROOT TREE FILE...: copy the libraries of the root that these
# files need into TREE of a guest, and the loader to where programs expect it
copy_libraries() {
	local root=$1 tree=$2 library to
	shift 2
	mkdir -p "$tree"/usr/lib{,64}
	libraries_of "$root" "$tree" "$@" | while read -r library; do
		to=$tree/usr/${library#/usr/}
		mkdir -p "${to%/*}"
		cp -L "$root$library" "$to"
		case $library in
		*/ld-linux-aarch64.so.1) cp -L "$root$library" "$tree/usr/lib/" ;;
		*/ld-linux-x86-64.so.2) cp -L "$root$library" "$tree/usr/lib64/" ;;
		esac
	done
}

# programs_of_root ROOT TREE FILE...: copy programs of a root, and the libraries
# that they need, into TREE/usr of a guest
programs_of_root() {
	local root tree=$2 file
	root=$("$vm/root" "$1")
	shift 2
	mkdir -p "$tree/usr/bin"
	for file; do
		cp "$root$file" "$tree/usr/bin/"
		copy_libraries "$root" "$tree" "$root$file"
	done
}

# locked FILE COMMAND...: run a command under a lock, which all checkouts that
# share the cache use
locked() {
	local lock=$1
	shift
	mkdir -p "$(dirname "$lock")"
	(
		flock 9
		"$@"
	) 9>"$lock"
}

# in_root ROOT [--bind FROM TO]... -- COMMAND...: run a command in a root, with
# mounts that end with the command
in_root() {
	local root=$1
	shift
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --pid --kill-child --propagation private bash -eu -c '
		root=$1
		shift
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		while [ "$1" = --bind ]; do
			mkdir -p "$root$3"
			mount --bind "$2" "$root$3"
			shift 3
		done
		shift
		# This shell stays, as the first process, which has to reap
		# orphans. A make in its place has waited for ever.
		chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb "$@" || exit
	' in_root "$root" "$@"
}

# in_overlay ROOT FUNCTION [ARGUMENT]...: run a function with these arguments in
# a mount namespace of its own. Its first argument is the directory of an
# overlay over the root, which does not change. The function has the exported
# variables and functions of this shell, and in_root.
in_overlay() (
	# shellcheck disable=SC2163 # $2 is the name of a function
	export -f in_root "$2"
	export out
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --propagation private bash -euo pipefail -c '
		. "$1/selftests/reason.sh"
		root=$2 function=$3
		shift 3
		work=$(mktemp -d "$out/.overlay.XXXXXX")
		trap '\''umount "$work/merged" && rm -rf "$work" || exit 1'\'' EXIT
		mkdir "$work"/{upper,work,merged}
		mount -t overlay overlay -o "lowerdir=$root,upperdir=$work/upper,workdir=$work/work" "$work/merged"
		"$function" "$work/merged" "$@"
	' in_overlay "$top" "$@"
)
