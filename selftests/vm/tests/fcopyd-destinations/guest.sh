# SPDX-License-Identifier: GPL-2.0-only
# Make /bin a link, as on a system with a merged /usr. Some rows copy "bin" to
# the root directory. If such a copy replaces the link, all programs are still
# in /usr/bin.
cp /bin/busybox /usr/bin/
/usr/bin/busybox --install -s /usr/bin
busybox rm -rf /bin
/usr/bin/busybox ln -s usr/bin /bin
hash -r
bind_fcopy
check "/bin is a link" test "$(readlink /bin)" = usr/bin

# make_tree: make the tree before each row
make_tree() {
	rm -rf /tmp/in
	mkdir -p /tmp/in/dir /tmp/in/real /tmp/in/shared /tmp/in/übung /tmp/in/long
	echo old >/tmp/in/old.bin
	chmod 1777 /tmp/in/shared
	chmod 777 /tmp/in/real
	ln -s dir /tmp/in/ours
	ln -s ../dir /tmp/in/shared/ours
	ln -s real /tmp/in/theirs
	chown -h 1000 /tmp/in/theirs
	chown 1000 /tmp/in/real
}
# without FILE: remove this file from a list
without() { file=$1 awk '{ end = " " ENVIRON["file"] } substr($0, length($0) - length(end) + 1) != end'; }
# expected FILE: print the list of before, with the directories that the file
# needs
expected() {
	without "$1" </run/before
	parent=${1%/*}
	while [ -n "$parent" ] && ! grep -qxF "d $parent" /run/before; do
		echo "d $parent"
		parent=${parent%/*}
	done
}
as_expected() {
	expected "$1" | sort >/run/expected
	without "$1" </run/after >/run/rest
	diff -U 0 /run/expected /run/rest || return 1
	[ -z "$1" ] || [ -f "$1" ] || { echo "$1 is not there" && return 1; }
}

# list: print all files of the root directory and of /tmp, the targets of links,
# and the checksums of files in /tmp/in
list() {
	{
		for type in d f l; do find / /tmp -xdev -type $type | sed "s/^/$type /"; done
		for path in /* /tmp/in/* /tmp/in/shared/*; do [ ! -L "$path" ] || echo "$path leads to $(readlink "$path")"; done
		find /tmp/in -type f -exec sha256sum {} +
	} | grep -v ' /tmp/check\.out$' | sort -u
}

number=0
row() {
	number=$((number + 1))
	make_tree
	list >/run/before
	say "ready $number"
	hear "sent $number"
	list >/run/after
	sum=none
	[ -z "$3" ] || [ ! -f "$3" ] || sum=$(sha256sum <"$3" | cut -d' ' -f1)
	say "sum $number $sum"
	check "$1: ${3:+the file is there, and }nothing else has changed" as_expected "$3"
	# A later row must not find what this one has put into the root.
	[ -L /bin ] || { rm -f /bin && ln -s usr/bin /bin && hash -r; }
	diff /run/before /run/after | sed -n 's/^+[dfl] //p' | grep -v '^/tmp/in/\|^/bin$' | while read -r path; do rm -rf "$path"; done
}

hv-fcopyd --state-dir=/run/state >/run/fcopyd.log 2>&1 &
daemon=$!
say begin
. /test/rows.sh
check "hv-fcopyd is still there" kill -0 $daemon
stop_fcopyd
