# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
for number in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do
	guest_says "midway $number\$" || exit 1
	# The guest's VMBus has the time to come as far as it can.
	watch device rescind "sleep 500" "print rescinded" wait-released offer wait-offered
	until grep -q rescinded watch.out || ! kill -0 "$watcher" 2>/dev/null; do sleep 0.1; done
	tell "rescinded $number"
	check "the host has the device back, and offers it again: $number" watched
	tell "offered $number"
done
