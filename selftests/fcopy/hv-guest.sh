#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# hv-guest.sh COMMAND: the guest's part of hv-host.ps1, which calls it over ssh
# as root. It changes /tmp/in and the root directory, so use a VM that you can
# throw away.
#
#   rows             print the checksum of rows.sh
#   present, absent  whether hv-fcopyd runs with the file copy device, and the
#                    host has negotiated with it; whether there is no device
#   before N         make the tree for row N, and remove what an interrupted row
#                    has left in the root directory; 4: this file system has no
#                    immutable files, which the row needs
#   after N SHA256   whether row N had its effect: its file has this checksum,
#                    and nothing else has changed
#   sum FILE         print the checksum of FILE, and remove it
#   end              remove everything
dir=$(dirname "$(readlink -f "$0")")
. "$dir/rows_tree.sh"
export LC_ALL=C

state=${HV_GUEST_STATE:-/run/hv-guest}
sys=${VMBUS_SYSROOT:-}/sys
fix() { chattr +i "$@" 2>/dev/null; }
loosen() { chattr -i "$@" 2>/dev/null; }

usage() {
	sed -n '3,18s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

# list: print the root directory, /tmp/in, the targets of links, and the sums of
# files in /tmp/in. Other programs of this machine may change everything else.
list() {
	{
		for type in d f l; do
			find / -maxdepth 1 -type $type | sed "s/^/$type /"
			find /tmp/in -type $type | sed "s/^/$type /"
		done
		for path in /* /tmp/in/* /tmp/in/shared/*; do [ ! -L "$path" ] || echo "$path leads to $(readlink "$path")"; done
		find /tmp/in -type f -exec sha256sum {} +
		echo "d /tmp"
	} | sort -u
}

# clean_root: remove what the last row has put into the root directory. A row
# that was interrupted has no list of after. Others may have put files there
# since then, so remove only the file that rows.sh names.
clean_root() {
	[ -f "$state/before" ] || return 0
	if [ ! -f "$state/after" ]; then
		grep -qx 'f /source\.bin' "$state/before" || rm -f /source.bin
		return
	fi
	diff "$state/before" "$state/after" | sed -n 's/^> [fl] \(\/[^/]*\)$/\1/p' | while read -r path; do
		case $path in
		/bin | /sbin | /lib*) ;;
		*) rm -f "$path" ;;
		esac
	done
}

device() {
	for each in "$sys"/bus/vmbus/devices/*; do
		[ "$(cat "$each/class_id" 2>/dev/null)" != '{34d14be3-dee4-41c8-9ae7-6b174977c192}' ] || return 0
	done
	return 1
}

# row: set $file and $words to those of row $wanted of rows.sh
number=0
row() {
	number=$((number + 1))
	[ "$number" = "$wanted" ] || return 0
	file=$3 words=$1
}
choose() {
	wanted=$1
	words=''
	. "$dir/rows.sh"
	[ -n "$words" ] || usage
}

command=${1:-}
case $command in
rows) cksum <"$dir/rows.sh" ;;
present)
	device || { echo "there is no file copy device" && exit 1; }
	status=$(hv-fcopyd --status) || exit
	host=$(echo "$status" | grep '^host=')
	[ "$host" = host=talking ] || { echo "hv-fcopyd --status: $host" && exit 1; }
	;;
absent) ! device ;;
before)
	choose "${2:-}"
	clean_root
	rm -f "$state/before" "$state/after"
	mkdir -p "$state" && make_tree
	case $words in
	*immutable*)
		if echo more 2>/dev/null >>/tmp/in/fixed.bin; then
			echo "/tmp has no immutable files: use a file system with chattr +i"
			exit 4
		fi
		;;
	esac
	list >"$state/before"
	;;
after)
	choose "${2:-}"
	list >"$state/after"
	fine=0
	as_expected "$file" || fine=1
	if [ -n "$file" ] && [ -f "$file" ]; then
		sum=$(sha256sum <"$file" | cut -d' ' -f1)
		[ "$sum" = "${3:-}" ] || { echo "$file has the checksum $sum" && fine=1; }
	fi
	# A later row must not find what this one has put into the root.
	clean_root
	exit $fine
	;;
sum)
	[ -f "${2:?}" ] || { echo "$2 is not there" >&2 && exit 1; }
	sha256sum <"$2" | cut -d' ' -f1 && rm -f "$2"
	;;
end)
	clean_root
	loosen /tmp/in/fixed /tmp/in/fixed.bin
	left=0
	rm -rf /tmp/in "$state" || left=1
	rm -f /var/tmp/hv-host.service /var/tmp/hv-host.large || left=1
	exit $left
	;;
*) usage ;;
esac
