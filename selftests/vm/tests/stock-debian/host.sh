# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
nic_start nic
said=$(guest_says 'fcopy ') || exit 1
[ "$said" = "fcopy refused" ] || copy_asked stock
check "the guest has broken no rule" nic expect complaints 0 0
