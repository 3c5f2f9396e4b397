# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
guest_says ready || exit 1
copy_is 0x00000000 "a new file in new directories" --generate 50000:1 --name a --directory /srv/x/y --create-path
copy_is 0x00000000 "over it" --generate 50000:1 --name a --directory /srv/x/y --overwrite
copy_is 0x00000000 "in the root" --generate 50000:1 --name file --directory /
copy_is 0x00000000 "in /usr" --generate 50000:1 --name a --directory /usr/local/bin --create-path
copy_is 0x80070050 "a file that exists" --generate 50000:1 --name a --directory /srv/x/y
copy_is 0x80070005 "in /proc" --generate 50000:1 --name a --directory /proc/sys
tell copied
