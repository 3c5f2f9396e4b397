# SPDX-License-Identifier: GPL-2.0-only
said=$(guest_says cycles) || exit 1
cycles=${said#cycles }

# cycles COUNT: run COUNT cycles of a rescind, a new offer and 20 packets
cycles() {
	cycle fcopy "$1" 20 >cycle.out 2>&1
	status=$?
	note "$(tail -n 1 cycle.out)"
	check "$1 cycles" test $status = 0
}

check "the device is opened" vmbus_host fcopy wait-open
# Here the packets arrive while the driver is still opening the device, and so
# do most rescinds.
cycles "$cycles"
# Here the host answers the open at once, and most rescinds find the device in
# use.
vmbus_host fcopy "delay open 0"
cycles "$cycles"
vmbus_host fcopy rescind wait-released
tell finished
