# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
guest_says ready || exit 1
check "the reader opens the device" vmbus_host fcopy wait-open
# A wait of 60 s means that the guest has stalled.
timeout=60 cycle fcopy 200 >cycle.out 2>&1
status=$?
note "$(tail -n 1 cycle.out)"
check "200 cycles" test $status = 0
tell finished
