# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2046
agreed=$(newest_vmbus)
check "the kernel and the host have agreed on VMBus $agreed" test "$(agreed_vmbus)" = "$agreed"
bind_fcopy
device=$(vmbus_device "$fcopy_class")
check "the driver is ours" test "$(cat "$device/driver/module/version")" = "1:$(cat /test/VERSION)"
hv-fcopyd 2>/tmp/fcopyd.log &
daemon=$!
mkdir -p /tmp/in
say ready
hear copied
name='Grüße 日本 🎉.txt'
check "4 MB are complete" test "$(stat -c %s /tmp/in/big.bin)" = 4000000
check "the other file has its name" test -f "/tmp/in/$name"
say sha $(sha256sum /tmp/in/big.bin /tmp/in/G* | cut -d' ' -f1)
check "nothing else lies beside them" test "$(ls -A /tmp/in | wc -l)" = 2
peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' /proc/$daemon/status)
check "hv-fcopyd has never had more than 5 MiB of memory ($peak KiB)" test "$peak" -lt 5120
stop_fcopyd || while read -r line; do note "$line"; done </tmp/fcopyd.log
