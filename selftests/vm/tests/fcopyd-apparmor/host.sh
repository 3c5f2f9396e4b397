# SPDX-License-Identifier: GPL-2.0-only
guest_says ready || exit 1
copy_is 0x00000000 "a new file in new directories" --generate 50000:1 --destination /srv/x/y/a --create-full-path
copy_is 0x00000000 "over it" --generate 50000:1 --source a --destination /srv/x/y/ --force
copy_is 0x00000000 "in the root" --generate 50000:1 --source file --destination /
copy_is 0x00000000 "in /usr" --generate 50000:1 --source a --destination /usr/local/bin/ --create-full-path
copy_is 0x80070050 "a file that exists" --generate 50000:1 --destination /srv/x/y/a
copy_is 0x80070005 "in /proc" --generate 50000:1 --source a --destination /proc/sys/
tell copied
