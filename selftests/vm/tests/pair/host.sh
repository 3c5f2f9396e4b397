# SPDX-License-Identifier: GPL-2.0-only
guest_says ready || exit 1
check "both are open" sh -c "'$bin/vmbus-host' one.sock wait-open && '$bin/vmbus-host' two.sock wait-open"
watch one "send 64 20000" "echo 20000"
set --
for _ in 1 2 3 4 5 6 7 8; do set -- "$@" wait-open "send 200 300" "echo 300" rescind wait-released offer; done
check "one is taken back eight times, after 300 messages each time" vmbus_host two "$@" wait-open
check "and the other's 20000 come back, none lost, none doubled" watched
tell end
guest_says ending || exit 1
vmbus_host two "send-hex 7175697400000000" wait-close
watch one "send 1000 20000" "echo 20000" "expect-stat malformed 0 0"
tell unbind
guest_says bound || exit 1
check "20000 more while it is unbound and bound" watched
vmbus_host one "send-hex 7175697400000000" wait-close
tell quit
