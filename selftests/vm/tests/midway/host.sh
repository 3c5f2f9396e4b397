# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
number=1
taken=0
while said=$(guest_says "midway ($number|is over)\$") && [ "$said" = "midway $number" ]; do
	# The guest's VMBus has the time to come as far as it can.
	watch device rescind "sleep 500" "print rescinded" wait-released offer wait-offered
	until grep -q rescinded watch.out || ! kill -0 "$watcher" 2>/dev/null; do sleep 0.1; done
	tell "rescinded $number"
	watched && taken=$((taken + 1))
	tell "offered $number"
	number=$((number + 1))
done
check "the host got the device back, and offered it again: $taken of $((number - 1)) times" test $taken = $((number - 1)) -a $taken -ge 14
