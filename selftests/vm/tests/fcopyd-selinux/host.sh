# SPDX-License-Identifier: GPL-2.0-only
guest_says ready || exit 1
copy_is 0x00000000 "a new file in new directories" --generate 50000:1 --destination /srv/x/y/a --create-full-path
copy_is 0x00000000 "over it" --generate 50000:1 --destination /srv/x/y/a --force
copy_is 0x00000000 "in the root" --generate 50000:1 --source file --destination /
copy_is 0x00000000 "in /usr" --generate 50000:1 --source a --destination /usr/local/bin/
copy_is 0x00000000 "in /etc" --generate 50000:1 --source a --destination /etc
copy_is 0x00000000 "over a file of another label" --generate 50000:1 --destination /etc/shadow --force
copy_is 0x00000000 "over a user's file" --generate 50000:1 --destination /home/user/theirs --force
copy_is 0x00000000 "over a link" --generate 50000:1 --source link --destination /etc/ --force
copy_is 0x00000000 "where only a user may write" --generate 50000:1 --source a --destination /home/user/
copy_is 0x00000000 "on a tmpfs" --generate 50000:1 --source a --destination /mnt/tmpfs/new/ --create-full-path
copy_is 0x80070050 "a file that exists" --generate 50000:1 --source a --destination /srv/x/y/
copy_is 0x80070005 "a pipe" --generate 50000:1 --destination /etc/pipe --force
copy_is 0x80070005 "in /proc" --generate 50000:1 --destination /proc/sys/a
copy_is 0x80070005 "in /sys" --generate 50000:1 --source a --destination /sys/kernel/
copy_is 0x80070005 "in /dev" --generate 50000:1 --source a --destination /dev/
tell copied
guest_says again || exit 1
copy_is 0x00000000 "with all of root's capabilities, and a label of fcopyd.conf" --generate 50000:1 --destination /home/user/b
tell copied again
