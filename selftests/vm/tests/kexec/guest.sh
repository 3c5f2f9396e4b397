# SPDX-License-Identifier: GPL-2.0-only
# The three kernels run this file, one after the other.
class=$device_class
# words CONSOLE WORDS: print a command line with this console and these words
words() { echo "$(sed 's/console=[^ ]*//; s/bench\.kernel=.*//' /proc/cmdline) console=$1 bench.kernel=$2"; }
console=$(sed -n 's/.*bench\.console=\([^ ]*\).*/\1/p; t; s/.*console=\([^ ]*\).*/\1/p' /proc/cmdline)
# The initramfs of the next kernel has the files of this one.
initramfs() { (cd / && find . -xdev | cpio -o -H newc) >/tmp/initramfs; }
by_rule() { within 10 vmbus_device "$class" && /usr/lib/udev/vmbus-bind --all; }
# in_use: let vmbus-bind bind the device and the host exchange messages with it,
# and keep the NIC open
in_use() {
	check "vmbus-bind has a rule for the device" by_rule
	check "and has bound it" bound "$class"
	bind_class "$nic_class"
	start_echo "$class"
	exec 5<>"/dev/$(ls "$device/uio")"
	initramfs
}

mkdir -p /etc/hyperv-uio/bind.d
printf '[%s]\n' "$class" >/etc/hyperv-uio/bind.d/test.conf
case $(cat /proc/cmdline) in
*bench.kernel=kdump*)
	check "this is the kernel of kdump" test -e /proc/vmcore
	modprobe uio_hv_generic
	check "vmbus-bind has a rule for the device" by_rule
	check "and has not bound it" test ! -e "$(vmbus_device "$class")/driver"
	bind_class "$class"
	start_echo "$class"
	say "third kernel"
	wait "$pid"
	check "a bind by hand gives the kernel of kdump a device that works" echoed
	;;
*bench.kernel=kexec*)
	in_use
	say "second kernel"
	hear crash
	check "a kernel is loaded for a crash" /kexec crash /kernel /tmp/initramfs "$(words "$console" kdump)"
	check_kernel_log
	echo c >/proc/sysrq-trigger
	;;
*)
	in_use
	say "first kernel"
	hear kexec
	check_kernel_log
	# The second kernel has no console, because its panic would be a
	# complaint there.
	check "a kernel starts another one" /kexec /kernel /tmp/initramfs "$(words null "kexec bench.console=$console crashkernel=384M")"
	;;
esac
