# SPDX-License-Identifier: GPL-2.0-only
ok=0x00000000

guest_says ready || exit 1
copy_is $ok "a new file" --generate 5000:1 --source first --destination /tmp/in/
copy_is 0x80070070 "a disk that is too small" --generate 600000:1 --source file --destination /tmp/small/
copy_is 0x80070013 "a read-only file system" --generate 5000:1 --destination /tmp/ro/file
copy_is 0x80070005 "/proc" --generate 5000:1 --source file --destination /proc/sys/kernel/
copy_is 0x800704ec "a directory that the policy shuts" --generate 5000:1 --destination /tmp/in/no/file
copy_is 0x800700df "more than the policy takes" --generate 4000000:1 --destination /tmp/in/file
copy_is $ok "a cancelled copy" --generate 50000:1 --source cancelled --destination /tmp/in/ --cancel-after 20000
tell answered
