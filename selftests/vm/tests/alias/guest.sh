# SPDX-License-Identifier: GPL-2.0-only
# The guest has only the module of hyperv-uio, where dkms installs it. It has no
# udev rule and no vmbus-bind.
stock=$(cat /stock-driver)
device='' alias=''
offered() { device=$(vmbus_device "$fcopy_class"); }
load() { modprobe "$alias"; }
has_none() { [ ! -e "$device/driver" ]; }
case $stock in
uio_hv_generic)
	taken() { offered && has_driver "$device" uio_hv_generic && ls "$device"/uio/uio*/maps/map0; }
	right_module() { [ "$(cat /sys/module/uio_hv_generic/version)" = "1:$(cat /test/VERSION)" ]; }
	driver=uio_hv_generic
	;;
'')
	# Between 6.10 and the commit "Bind to FCopy device by default" the
	# kernel has no driver for the device.
	load() { ! modprobe "$alias"; }
	taken() { offered && has_none; }
	right_module() { [ ! -e /sys/module/uio_hv_generic ]; }
	driver=nobody
	;;
*)
	taken() { offered && has_driver "$device" "$stock"; }
	right_module() { [ ! -e /sys/module/uio_hv_generic ]; }
	driver=$stock
	;;
esac
unload() {
	for module in $(lsmod | awk '$1 == "uio_hv_generic" || $1 == "hv_utils" { print $1 }'); do rmmod "$module" || return; done
	has_none
}

check "the device is offered" within 10 offered
alias=$(cat "$device/modalias")
check "no driver has it yet" has_none
check "its alias $alias: modprobe finds what the kernel's own modules offer ($driver)" load
check "$driver has it" within 10 taken
check "a module uio_hv_generic that is loaded is ours" right_module

check "all of it is unloaded" unload
modprobe uio_hv_generic
case $driver in
uio_hv_generic) check "loaded by its name, $driver has it" within 10 taken ;;
*) check "loaded by its name, uio_hv_generic leaves it alone" has_none ;;
esac
load
check "the alias after that: $driver has it" within 10 taken
say loaded
hear offered
check "offered again, $driver has it" within 10 taken
