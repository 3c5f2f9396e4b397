# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
guest_says looping || exit 1
# The guest's sessions end when they like: what matters is that some have
# sub-channels, which the guest counts, and that the host finds enough needless
# signals. It finds no more than one each time that it looks, and a busy machine
# looks seldom.
end=$(($(date +%s) + 60))
until grep -q "stands still after" qemu.log || [ "$(date +%s)" -ge $end ] || ! guest_runs; do
	vmbus_host device "timeout 2" wait-open "offer-sub 2" wait-close wait-open "offer-sub 2" wait-close wait-open "offer-sub 2" wait-close
done
tell messages

said=$(guest_says 'messages') || exit 1
# The larger part in bursts that fill the ring, the rest few at a time, so that
# both sides fall asleep again and again.
burst=$((${said#messages } * 18 / 100))
few=$((${said#messages } / 100 / 20))
check "the guest opens it" vmbus_host device wait-open
for size in 0 16 64 200 1000; do
	check "$burst messages of $size bytes come back, none lost, none doubled" vmbus_host device "send $size $burst" "echo $burst xid"
done
set --
for _ in $(seq $few); do
	set -- "$@" "send 24 200" "echo 200 xid"
	for _ in 1 2 3 4 5 6 7 8 9 10; do set -- "$@" "send 40 1" "echo 1 xid"; done
done
check "and few at a time" vmbus_host device "$@"
vmbus_host device "send-hex 7175697400000000" wait-close
# Two seconds each time, as a real host does to a guest that signals without
# need.
check "the host has let the guest stand still" grep -q "stands still after" qemu.log
