# SPDX-License-Identifier: GPL-2.0-only
# ours: whether modprobe prefers the module that dkms has built. Only the
# version of ours has an epoch.
ours() { modinfo -F version uio_hv_generic | grep '^1:'; }
own_is_loaded() { [ -e /sys/module/uio_hv_generic ] && ! grep '^1:' /sys/module/uio_hv_generic/version; }
# The kernel may use another word for the refusal.
log_says() { dmesg | grep "uio_hv_generic: the module of hyperv-uio is refused (.*), so the kernel's own is loaded$1;"; }

check "the kernel enforces signatures" grep Y /sys/module/module/parameters/sig_enforce
check "modprobe prefers our module" ours
check "udev has loaded the kernel's own module" within 60 own_is_loaded
if hv_utils_takes_fcopy; then
	check "the kernel log says so, and that it does not take the file copy device" within 20 log_says ", which does not take the file copy device"
	check "hv_utils has the file copy device" within 30 has_driver "$fcopy_instance" hv_utils
	# A second event changes nothing.
	udevadm trigger --action=add --subsystem-match=vmbus --settle
	check "after another event hv_utils has it again" within 30 has_driver "$fcopy_instance" hv_utils
	say "fcopy refused"
	stock_returns
else
	check "the kernel log says so" within 20 log_says
	check "the kernel's own module has the file copy device" within 30 has_driver "$fcopy_instance" uio_hv_generic
	say "fcopy taken"
	copy_arrives stock
fi
