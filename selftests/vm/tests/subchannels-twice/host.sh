# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
back=0
for round in 1 2 3; do
	guest_says "open $round" || exit 1
	vmbus_host device wait-open "offer-sub 1" "channel 1" wait-open || exit 1
	guest_says "ready $round" || exit 1
	vmbus_host device rescind wait-released offer wait-offered && back=$((back + 1))
	tell "offered $round"
done
check "the host got the device back $back of 3 times" test $back = 3
