# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
unbound() {
	for _ in 1 2 3 4 5; do
		echo "$1" >"$driver/unbind" && nap && echo "$1" >"$driver/bind" || return
		within 10 bound "$fcopy_class" && "$programs/open_close" "$fcopy_class" 1 || return
	done
}

bind_class "$class" "$fcopy_class"
"$programs/vmbus_echo" "$class" >/tmp/one.log 2>&1 &
one=$!
while [ ! -e /tmp/end ]; do "$programs/vmbus_echo" "$fcopy_class" || nap; done >/tmp/two.log 2>&1 &
two=$!
say ready
hear end
touch /tmp/end
say ending
wait $two
hear unbind
device=$(vmbus_device "$fcopy_class")
check "the other is unbound and bound five times" unbound "${device##*/}"
say bound
hear quit
wait $one
check "the first had no bad message: $(tail -n 1 /tmp/one.log)" grep -q '^end quit .* bad 0$' /tmp/one.log
