# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
modprobe uio_hv_generic
echo "$fcopy_class" >/sys/bus/vmbus/drivers/uio_hv_generic/new_id
# reader: open the device whenever it is there, and read until the rescind
reader() {
	while :; do
		dd if=/dev/uio0 of=/dev/null bs=4 2>/dev/null || :
	done
}
check "the device is there" within 10 test -c /dev/uio0
reader &
say ready
hear finished
kill $!
check "the device is still there" within 5 sh -c 'ls /dev/uio*'
