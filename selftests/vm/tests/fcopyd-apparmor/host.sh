# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# is STATUS DESCRIPTION OPTIONS...
is() {
	wanted=$1 what=$2
	shift 2
	said=$(copy_vmfile fcopy --generate 50000:1 "$@" 2>&1 | sed -n 's/^status \(0x[0-9a-f]*\).*/\1/p')
	check "$what: $wanted" test "$said" = "$wanted" || note "the guest said '$said'"
}
guest_says ready || exit 1
is 0x00000000 "a new file in new directories" --name a --directory /srv/x/y --create-path
is 0x00000000 "over it" --name a --directory /srv/x/y --overwrite
is 0x00000000 "in the root" --name file --directory /
is 0x00000000 "in /usr" --name a --directory /usr/local/bin --create-path
is 0x80070050 "a file that exists" --name a --directory /srv/x/y
is 0x80070005 "in /proc" --name a --directory /proc/sys
tell copied
