# SPDX-License-Identifier: GPL-2.0-only
# The agent runs this script in each boot. $boot is the number of the boot.
nic=$nic_instance
vmbus=/sys/bus/vmbus/devices
node=/dev/vmbus/tests/nic

said() { journal -t vmbus-bind | grep "$@"; }
# own_is_loaded: whether the kernel's own module is loaded. Only the version of
# ours has an epoch.
own_is_loaded() { own_module && [ -e /sys/module/uio_hv_generic ] && ! grep '^1:' /sys/module/uio_hv_generic/version; }
node_has_settings() { [ "$(stat -Lc %G:%a $node)" = nogroup:660 ]; }
# maps: print the names of the maps of the NIC
maps() { cat "$vmbus/$nic"/uio/uio*/maps/map*/name | tr '\n' ' '; }
has_all_maps() { maps && maps | grep -q '^txrx_rings int_page monitor_page recv[^ ]* send[^ ]* $'; }
opens() { setpriv --reuid=nobody --regid=nogroup --clear-groups dd if=$node of=/dev/null count=0; }
doctor_says() { vmbusctl doctor >/tmp/doctor; cat /tmp/doctor; grep "$1" /tmp/doctor; }

case $boot in
1)
	check "apt removes hyperv-uio-dkms" sh -c 'DEBIAN_FRONTEND=noninteractive apt-get -y remove hyperv-uio-dkms'
	check "modprobe finds the kernel's own module" own_module
	printf '[nic]\nforce=yes\nring_size=64K\ngroup=nogroup\nmode=0660\nlink=tests/nic\n' >/etc/hyperv-uio/bind.d/50-nic.conf
	restart
	;;
2)
	check "the NIC is bound at boot" within 60 has_driver "$nic" uio_hv_generic
	check "by the kernel's own module" own_is_loaded
	check "as the rule says, according to the log" within 20 said "^$nic .*: bound to uio_hv_generic"
	check "the UIO device has the link, the group and the mode of the rule" within 20 node_has_settings
	check "it has its rings and buffers" has_all_maps
	check "a user without privileges opens it" opens
	check "the log says that this module cannot set the ring size" \
		said "^$nic (nic): ring_size cannot be set to 65536: only the uio_hv_generic of hyperv-uio supports this"
	if hv_utils_takes_fcopy; then
		check "hv_utils has the file copy device" within 30 has_driver "$fcopy_instance" hv_utils
		# Before 5.12 the kernel does not tell why a probe failed.
		check "after the kernel's own module has refused it, as the log says" \
			said -E "^$fcopy_instance .*: not bound to uio_hv_generic: binding failed: (not supported|No such device)"
		check "vmbusctl doctor says so, and how to repair it" doctor_says "$fcopy_instance (fcopy), a low-speed device; the kernel's own uio_hv_generic refuses"
		say "fcopy refused"
		stock_returns
	else
		check "it has the file copy device, too" within 30 has_driver "$fcopy_instance" uio_hv_generic
		check "vmbusctl doctor finds nothing wrong with the module" sh -c "! vmbusctl doctor | grep ' module: '"
		say "fcopy taken"
		copy_arrives stock
	fi
	# The host asks its NIC once more.
	hear checked
	;;
esac
