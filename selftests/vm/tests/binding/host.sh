# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# pings BOOT: check that the guest's network works in this boot
pings() {
	guest_says "network $1\$" || exit 1
	check "boot $1: the guest answers pings" nic ping 10.55.0.2 10 500
	tell pinged
}
# again NUMBER: rescind the device, and offer it again
again() {
	guest_says "rescind $1\$" || exit 1
	vmbus_host device rescind wait-released >rescind.out 2>&1 || note "$(cat rescind.out)"
	tell rescinded
	guest_says "offer $1\$" || exit 1
	vmbus_host device offer wait-offered >offer.out 2>&1 || note "$(cat offer.out)"
}
nic_start nic other
pings 1
again 1
pings 2
again 2
pings 3
pings 4
check "the guest has broken no rule" nic expect complaints 0 0
check "nor with the other NIC" nic 1 expect complaints 0 0
