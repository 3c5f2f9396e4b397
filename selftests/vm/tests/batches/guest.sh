# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
class=7d3c5a10-41b2-4f0e-9a6c-0d5b1e2f3a44
program=/usr/libexec/hyperv-uio/selftests/uio/batches

modprobe uio_hv_generic
echo $class >/sys/bus/vmbus/drivers/uio_hv_generic/new_id
check "the device is bound" within 10 bound $class
# Rings that are soon full, and whose ends are soon reached
echo 16384 >"$device/uio_hv_generic/ring_size"
"$program" $class "/sys/kernel/debug/uio_hv_generic/${device##*/}/signals" 2>&1 | relay
