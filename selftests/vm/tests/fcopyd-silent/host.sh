# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
ok=0x00000000
# This is CANCEL as an IC message. The guest answers it, and no copy is active.
cancel=01000000.38000000.03000000.0700.01000100.2400.00000000.00.03.0000.03000000$(printf '%064d' 0)
guest_says before || exit 1
copy_is $ok "a copy before" --generate 50000:1 --destination /tmp/in/before
tell "ended before"
guest_says fault || exit 1
# A message that the host leaves in the ring stays there until this program ends
# or the guest opens the device again.
check "the host reads no more: the guest closes the device and opens it again" vmbus_host fcopy "hold on" "send-hex $cancel" sync "timeout 200" wait-close wait-open
tell "opened again"
guest_says after || exit 1
copy_is $ok "a copy after" --generate 50000:1 --destination /tmp/in/after
tell "ended after"
