# SPDX-License-Identifier: GPL-2.0-only
guest_says opening || exit 1
# Serve both at once, because the program chooses the order in which it opens
# them.
for device in fcopy nic; do
	vmbus_host $device "print watching" wait-open "send-hex 01" wait-close >$device.out 2>&1 &
	eval "$device=$!"
done
until grep -q watching fcopy.out && grep -q watching nic.out || ! guest_runs; do sleep 0.1; done
tell open
for device in fcopy nic; do
	eval "wait \$$device"
	status=$?
	check "the host sees the $device device opened and closed" test $status = 0
done
