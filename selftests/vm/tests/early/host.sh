# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
said=$(guest_says cycles) || exit 1
cycles=${said#cycles }
check "the device is opened" vmbus_host fcopy wait-open
# The first packets come while the driver is still binding the device.
vmbus_host fcopy "cycle $cycles 20" >cycle.out 2>&1
status=$?
note "$(tail -n 1 cycle.out)"
check "$cycles cycles" test $status = 0
vmbus_host fcopy rescind wait-released
tell finished
