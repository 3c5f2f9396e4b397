# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# The agent runs this script in each boot. $boot is the number of the boot.
boots=10
copy_arrives_at_boot
[ "$boot" -ge "$boots" ] || restart
check "all files are there" test "$(find /srv -name 'file-*' | wc -l)" = "$boots"
