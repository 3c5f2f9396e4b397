# SPDX-License-Identifier: GPL-2.0-only
# Send frames without end on each channel whenever it is open.
frames() {
	for channel in 0 1 2 3; do
		nic generate 1000000000 60 1514 $channel $channel
	done
}
# flows NAME: check in one result that the guest sends frames back
flows() {
	guest_says "flow $1\$" >/dev/null || exit 1
	nic sink reset
	check "$1: frames flow" within 60 nic expect numbered 500
	tell "flows $1"
}

nic_start nic
frames
for round in 1 2 3; do flows "unbind $round"; done
for round in 1 2 3; do flows "kill $round"; done
for round in 1 2; do
	flows "rescind $round"
	guest_says "rescind $round\$" >/dev/null || exit 1
	nic_rescind
	guest_says "gone $round\$" >/dev/null || exit 1
	nic_offer
	tell "offered $round"
done
for round in 1 2; do flows "hibernation $round"; done
nic_judged
flows walk
guest_says walked >/dev/null || exit 1
tell again
flows "the last time"
nic stop
guest_says finished
