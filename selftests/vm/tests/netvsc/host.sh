# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
nic_start nic
guest_says up || exit 1
nic status
guest_says pinged || exit 1
check "the host answered pings" nic expect echo_replies 10
nic status
check "the guest has broken no rule" nic expect complaints 0 0
