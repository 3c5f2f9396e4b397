# SPDX-License-Identifier: GPL-2.0-only
fcopy_asked
