# SPDX-License-Identifier: GPL-2.0-only
modprobe uio_hv_generic
echo "$fcopy_class" >/sys/bus/vmbus/drivers/uio_hv_generic/new_id
# This program opens the device as soon as it appears, and polls and reads until
# the rescind.
"$programs/grab" >/tmp/grab.log 2>&1 &
pid=$!
check "the device is there" within 10 test -c /dev/uio0
say cycles 100
hear finished
kill $pid
wait $pid
note "$(cat /tmp/grab.log)"
check "interrupts came after most openings" sh -c 'test "$(sed "s/.* in \([0-9]*\) of.*/\1/" /tmp/grab.log)" -gt 30'
