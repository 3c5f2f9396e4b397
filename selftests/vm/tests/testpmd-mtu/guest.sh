# SPDX-License-Identifier: GPL-2.0-only
. /bench/testpmd.sh
# mtu NUMBER: stop the port, set its MTU, and start it: one result
mtu() {
	for command in "port stop 0" "port config mtu 0 $1" "port start 0" "show port info 0"; do
		pmd "$command" >>/tmp/mtu.out
	done
	check "mtu $1: the port has it" pmd_answered "^MTU: $1\$" || told </tmp/mtu.out
}

uio_takes_first

# An mbuf has room for the largest frame.
more=--mbuf-size=4608
pmd_begins "mbufs of 4608 bytes"
mtu 4000
pmd_receive "mtu 4000" io 2000
pmd_send "a segment of 4000 bytes" 4000
mtu 1500
pmd_receive "mtu 1500 again" io 2000
pmd_returns vmbusctl unbind "$instance"
