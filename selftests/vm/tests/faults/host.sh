# SPDX-License-Identifier: GPL-2.0-only
guest_says sub-channels || exit 1
offered=0
until grep -qx "say finished" ctl.log; do
	vmbus_host device "timeout 2" wait-open "offer-sub 3" wait-close >/dev/null 2>&1 && offered=$((offered + 1))
	guest_runs || exit 1
done
check "sub-channels were offered to $offered openings" test $offered -gt 10
tell faultless
guest_says open || exit 1
check "the host sees all of them open" vmbus_host device wait-open "offer-sub 3" "channel 3" wait-open
guest_says closed || exit 1
check "and closed" vmbus_host device wait-close
