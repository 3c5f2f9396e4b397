# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# The host gives each device a relid when it offers it, the lowest first.
first=/sys/bus/vmbus/devices/$device_instance/id
second=/sys/bus/vmbus/devices/$device2_instance/id
offered() { [ -e "$first" ] && [ -e "$second" ]; }
# reconnect: let VMBus connect to the host 24 times, and record the relids
# that the devices get
reconnect() {
	: >/tmp/relids
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24; do
		modprobe -r hv_vmbus && modprobe hv_vmbus && within 10 offered || return
		echo "$(cat "$first") $(cat "$second")" >>/tmp/relids
	done
}

check "VMBus connects to the host 24 times" reconnect
# By chance, all connections are alike once in 8 million runs.
in_both_orders() { sort /tmp/relids | uniq -c && [ "$(sort -u /tmp/relids | tr '\n' ,)" = "1 2,2 1," ]; }
check "each device is the first one in some of them" in_both_orders
