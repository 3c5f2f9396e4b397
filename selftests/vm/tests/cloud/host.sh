# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
copy_asked file-2
