# SPDX-License-Identifier: GPL-2.0-only
copy_asked installed
copies_during_upgrade
copy_asked upgraded
copy_asked downgraded
copy_asked reinstalled
copy_asked hypervfcopyd
stock_asked
copy_asked again
