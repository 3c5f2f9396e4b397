# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck disable=SC2154
# Make the tree before each row of rows.sh, and check the changes after it. The
# guest's part sources this file. It has fix and loosen PATH..., which set and
# clear the immutable flag, and list, which prints lines "d PATH", "f PATH", "l
# PATH" and, for files in /tmp/in, their checksums. It stores the output of list
# before and after the copy in $state/before and $state/after.

make_tree() {
	loosen /tmp/in/fixed /tmp/in/fixed.bin 2>/dev/null
	rm -rf /tmp/in
	mkdir -p /tmp/in/dir /tmp/in/fixed /tmp/in/real /tmp/in/shared /tmp/in/übung /tmp/in/long
	echo old >/tmp/in/old.bin
	echo old >/tmp/in/fixed.bin
	chmod 1777 /tmp/in/shared
	chmod 777 /tmp/in/real
	ln -s dir /tmp/in/ours
	ln -s ../dir /tmp/in/shared/ours
	ln -s real /tmp/in/theirs
	chown -h 1000 /tmp/in/theirs
	chown 1000 /tmp/in/real
	fix /tmp/in/fixed /tmp/in/fixed.bin
}
# without FILE: remove this file from a list
without() { file=$1 awk '{ end = " " ENVIRON["file"] } substr($0, length($0) - length(end) + 1) != end'; }
# expected FILE: print the list of before, with the directories that the file
# needs
expected() {
	without "$1" <"$state/before"
	parent=${1%/*}
	while [ -n "$parent" ] && ! grep -qxF "d $parent" "$state/before"; do
		echo "d $parent"
		parent=${parent%/*}
	done
}
as_expected() {
	expected "$1" | sort >"$state/expected"
	without "$1" <"$state/after" >"$state/rest"
	diff -U 0 "$state/expected" "$state/rest" || return 1
	[ -z "$1" ] || [ -f "$1" ] || { echo "$1 is not there" && return 1; }
}
