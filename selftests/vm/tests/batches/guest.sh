# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
class=$device_class
program=/usr/libexec/hyperv-uio/selftests/uio/batches

modprobe uio_hv_generic
echo "$class" >/sys/bus/vmbus/drivers/uio_hv_generic/new_id
check "the device is bound" within 10 bound "$class"
relay "$program" "$class" "$(echo "$device"/channels/*)/events"
check "the program has chosen the size of the rings" test "$(cat "$device/uio_hv_generic/ring_size")" = "$(by_page 16384 32768 131072)"
