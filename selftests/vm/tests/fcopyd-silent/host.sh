# SPDX-License-Identifier: GPL-2.0-only
ok=0x00000000
# This is CANCEL as an IC message. The guest answers it, and no copy is active.
cancel=01000000.38000000.03000000.0700.01000100.2400.00000000.00.03.0000.03000000$(printf '%064d' 0)
guest_says before || exit 1
copy_is $ok "a copy before" --generate 50000:1 --destination /tmp/in/before
tell "ended before"
guest_says fault || exit 1
# The guest answers while the program holds the host, which sets its mask at the
# guest's signal. The host then finds its mask cleared, which no guest may do,
# and ignores the channel.
check "the host reads no more: the guest closes the device and opens it again" \
	vmbus_host fcopy "hold on" "send-hex $cancel" sync "raw-wait tx 8 01000000" "raw-write tx 8 00000000" "hold off" "wait-stat malformed 1 1" \
	"timeout 200" wait-close wait-open
tell "opened again"
guest_says after || exit 1
copy_is $ok "a copy after" --generate 50000:1 --destination /tmp/in/after
tell "ended after"
