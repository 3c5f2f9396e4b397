# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# The agent runs this in each boot, as the boot number $boot.
boots=10
copy_arrives_at_boot
[ "$boot" -ge "$boots" ] || restart
check "all files are there" test "$(find /srv -name 'file-*' | wc -l)" = "$boots"
