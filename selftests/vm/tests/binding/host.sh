# SPDX-License-Identifier: GPL-2.0-only
# pings BOOT: check that the guest's network works in this boot
pings() {
	guest_says "network $1\$" || exit 1
	check "boot $1: the guest answers pings" nic_ping 10 500
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
# session: send packets to the guest's unprivileged program, and then offer two
# sub-channels while it has the device open
session() {
	guest_says session || exit 1
	check "a program without privileges returns 100 packets" vmbus_host device wait-open "send 64 100" "echo 100"
	check "the host offers two sub-channels" vmbus_host device "offer-sub 2" "channel 2" wait-offered
	tell offered
	guest_says seen || exit 1
	vmbus_host device "send-hex 71756974" wait-close >quit.out 2>&1 || note "$(cat quit.out)"
	tell quit
}
nic_start nic other
pings 1
session
again 1
pings 2
again 2
pings 3
pings 4
pings 5
guest_says "boot 6 ends" || exit 1
nic_judged
tell checked
