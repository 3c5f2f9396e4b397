# SPDX-License-Identifier: GPL-2.0-only
check "the guest opens it, with sub-channels" vmbus_host device wait-open "offer-sub 2" "channel 1" wait-open "channel 2" wait-open
tell "sub-channels"
guest_says traffic || exit 1
traffic() {
	while ! grep -q '^say moved' ctl.log && guest_runs; do
		vmbus_host device "send 64 300" "echo 300" >echoes.out 2>&1 || { cat echoes.out; return 1; }
	done
}
check "messages come back all the while, none lost, none doubled" traffic
said=$(guest_says moved) || exit 1
each=$((${said#moved } / 3))
check "the guest sent the host a message for each (${said#moved } times)" vmbus_host device "expect-stat modifies $each $each"
vmbus_host device "send-hex 7175697400000000" wait-close
