# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
nic_start nic
for boot in 1 2 3 4 5 6 7 8 9 10 11 12; do copy_asked "file-$boot"; done
check "the guest has broken no rule with its NIC" nic expect complaints 0 0
tell checked
