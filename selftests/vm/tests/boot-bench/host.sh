# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
guest_says measured || exit 1
tell finished
