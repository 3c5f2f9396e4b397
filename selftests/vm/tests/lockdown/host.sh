# SPDX-License-Identifier: GPL-2.0-only
for mode in integrity confidentiality; do
	guest_says $mode || exit 1
	check "1000 messages under Lockdown at $mode" \
		vmbus_host device wait-open "send 64 1000" "echo 1000" "send-hex 7175697400000000" wait-close
done
