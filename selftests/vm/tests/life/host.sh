# SPDX-License-Identifier: GPL-2.0-only
copy_asked installed
copies_during_upgrade
copy_asked upgraded
copy_asked rebooted
copy_asked downgraded
copy_asked reinstalled
copy_asked hyperv-daemons
case $(guest_says removed) in
*hv_utils*) stock_asked ;;
esac
copy_asked again
copy_asked chroot
