# SPDX-License-Identifier: GPL-2.0-only
# Each round of unbind_open opens the device twice, the first time with
# sub-channels.
rounds() {
	set --
	for _ in $(seq "$rounds"); do
		set -- "$@" wait-open "expect-stat gpadls 1 1" "offer-sub 4" wait-close wait-open wait-close
	done
	vmbus_host device "$@"
}

for rounds in 2 8; do
	guest_says "rounds $rounds" || exit 1
	check "the host sees every opening and closing of $rounds rounds" rounds
done
guest_says cycles || exit 1
check "it shares no memory with the host any more" vmbus_host device "expect-stat gpadls 0 0"
check "the module that is gone leaves the device to itself" vmbus_host device rescind wait-released offer wait-offered
tell offered
