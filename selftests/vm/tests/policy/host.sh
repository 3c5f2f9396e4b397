# SPDX-License-Identifier: GPL-2.0-only
copy_asked installed
copy_asked again
copy_asked anew
copy_asked repaired
