# SPDX-License-Identifier: GPL-2.0-only
. /bench/testpmd.sh

nics_are_there
ip link set "$other" name first
ip link set "$nic" name eth1
other=first
other_carries_network
check "doc/dpdk.md: choose" page_runs choose
check "doc/dpdk.md: bind" page_runs bind
check "uio_hv_generic has the NIC" nic_bound
check "doc/dpdk.md: huge pages" page_runs hugepages
check "doc/dpdk.md: rings of 1 MiB" page_runs ring

pmd_begins "first"
check "first: addresses are physical" grep -q "Selected IOVA mode 'PA'" /tmp/pmd.out
pmd_receive rxonly rxonly 3000
pmd_receive io io 3000
check "doc/dpdk.md: watch" page_runs watch
pmd_receive mac mac 3000
pmd_send "64 bytes" 64
pmd_send "1024 bytes" 1024
pmd_send "two segments" 700,700
# testpmd prints "Done" after a failure, too.
stops_and_starts() {
	for number in 1 2 3 4 5; do
		pmd "port stop 0" && pmd_answered Done && pmd "port start 0" && pmd_answered Done && ! pmd_answered Fail || return
	done
}
check "port stop and start, five times" stops_and_starts || told </tmp/pmd.answer
pmd_receive "after stop and start" io 3000
pmd_returns page_runs return
