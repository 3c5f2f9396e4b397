# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
guest_says ready || exit 1
copy_is 0x00000000 "a new file in new directories" --generate 50000:1 --name a --directory /srv/x/y --create-path
copy_is 0x00000000 "over it" --generate 50000:1 --name a --directory /srv/x/y --overwrite
copy_is 0x00000000 "in the root" --generate 50000:1 --name file --directory /
copy_is 0x00000000 "in /usr" --generate 50000:1 --name a --directory /usr/local/bin
copy_is 0x00000000 "in /etc" --generate 50000:1 --name a --directory /etc
copy_is 0x00000000 "over a file of another label" --generate 50000:1 --name shadow --directory /etc --overwrite
copy_is 0x00000000 "over a user's file" --generate 50000:1 --name theirs --directory /home/user --overwrite
copy_is 0x00000000 "over a link" --generate 50000:1 --name link --directory /etc --overwrite
copy_is 0x00000000 "where only a user may write" --generate 50000:1 --name a --directory /home/user
copy_is 0x00000000 "on a tmpfs" --generate 50000:1 --name a --directory /mnt/tmpfs/new --create-path
copy_is 0x80070050 "a file that exists" --generate 50000:1 --name a --directory /srv/x/y
copy_is 0x80070005 "a pipe" --generate 50000:1 --name pipe --directory /etc --overwrite
copy_is 0x80070005 "in /proc" --generate 50000:1 --name a --directory /proc/sys
copy_is 0x80070005 "in /sys" --generate 50000:1 --name a --directory /sys/kernel
copy_is 0x80070005 "in /dev" --generate 50000:1 --name a --directory /dev
tell copied
guest_says again || exit 1
copy_is 0x00000000 "with all of root's capabilities, and a label of fcopyd.conf" --generate 50000:1 --name b --directory /home/user
tell copied again
