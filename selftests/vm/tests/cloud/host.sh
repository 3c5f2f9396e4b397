# SPDX-License-Identifier: GPL-2.0-only
copy_asked file-2
