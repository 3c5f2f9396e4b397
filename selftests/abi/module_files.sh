#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check the files of uio_hv_generic in sysfs against doc/ABI: each file must
# exist, with the mode and a value of the form that doc/ABI describes. The test
# only reads. find_device.sh describes the environment variables that choose the
# device.
# shellcheck disable=SC2154 # variables are those of find_device.sh
dir=$(dirname "$(readlink -f "$0")")
# shellcheck source=../kselftest/ktap_helpers.sh
command . "$dir/ktap_helpers.sh" || exit 1

# shellcheck source=../uio/find_device.sh
command . "$dir/find_device.sh" || exit 1
export LC_ALL=C

ktap_print_header
skip() {
	ktap_skip_all "$*"
	exit "$KSFT_SKIP"
}

find_device

# described: print "MODE PATH" for each file that doc/ABI describes
described() {
	awk '
		/^What:/ { if (mode) print_all(); n = 0; mode = "" ; what = 1 }
		/^[A-Z][A-Za-z]*:/ && !/^What:/ { what = 0 }
		what && match($0, /\/sys\/.*/) { path[n++] = substr($0, RSTART) }
		!mode && match($0, /Mode 0[0-7]+/) { mode = substr($0, RSTART + 5, RLENGTH - 5) }
		END { print_all() }
		function print_all(i) { for (i = 0; i < n; i++) print mode, path[i] }
	' "$dir/ABI"
}

# form FILE VALUE: true if the value has the form that doc/ABI gives for FILE
form() {
	case $1 in
	*/devices/*/ring_size | */recv_size | */send_size) echo "$2" | grep -qx '[0-9][0-9]*' ;;
	*/drivers/*/ring_size) [ "$(echo "$2" | tail -n 1 | cut -d' ' -f1)" = other ] && ! echo "$2" |
		grep -qvE '^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|other) [0-9]+$' ;;
	*/state) echo "$2" | grep -qxE 'closed|open|lost|failed' ;;
	*/addr) echo "$2" | grep -qxE '0x0{16}' ;;
	*/ring) ;;
	*) return 1 ;;
	esac
}

tmp=$(mktemp -d) || exit 1
trap 'rm -r "$tmp"' EXIT
described >"$tmp/list"
ktap_set_plan $(($(wc -l <"$tmp/list") + 1))
while read -r mode what; do
	pattern=$(echo "${what#/sys}" | sed "s|<instance>|${device##*/}|; s|<[A-Za-z]*>|*|g")
	wrong='' found=''
	# shellcheck disable=SC2086 # a pattern
	for file in "$sys"$pattern; do
		[ -e "$file" ] || continue
		found=1
		has=0$(stat -c %a "$file")
		[ "$has" = "$mode" ] || wrong="$file has mode $has, not $mode"
		# A ring file cannot be read, only mapped.
		[ "${file##*/}" = ring ] && continue
		if [ ! -r "$file" ]; then
			wrong="$file cannot be read: run this as root"
		elif ! value=$(cat "$file") || ! form "$what" "$value"; then
			wrong="$file has '$value'"
		fi
	done
	[ -n "$found" ] || wrong="$sys$pattern does not exist"
	if [ -z "$wrong" ]; then
		ktap_test_pass "$what"
	else
		ktap_print_msg "$wrong"
		ktap_test_fail "$what"
	fi
done <"$tmp/list"

size=$(cat "$device/uio_hv_generic/ring_size")
for file in "$device"/uio/uio*/maps/map0/size; do map=$(($(cat "$file"))); done
for ring in "$device"/channels/*/ring; do rings=$(stat -c %s "$ring"); done
if [ "$map" = $((2 * size)) ] && [ "$rings" = "$map" ]; then
	ktap_test_pass "ring_size, the first map and the ring file agree"
else
	ktap_print_msg "ring_size is $size, the first map has $map bytes, the ring file has $rings bytes"
	ktap_test_fail "ring_size, the first map and the ring file agree"
fi
ktap_finished
