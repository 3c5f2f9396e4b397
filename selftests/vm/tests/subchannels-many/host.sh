# SPDX-License-Identifier: GPL-2.0-only
# The guest sends the number of sub-channels that it needs.
until said=$(guest_says "(open [0-9]+|end)\$") && [ "$said" = end ]; do
	guest_runs || exit 1
	count=${said#open }
	[ "$count" != "$last" ] || { sleep 0.5 && continue; }
	last=$count
	set -- wait-open "clock offers" "offer-sub $count"
	for channel in $(seq "$count"); do set -- "$@" "channel $channel" wait-open; done
	check "the guest opens $count sub-channels" vmbus_host device "$@" "clock open"
	note "$count sub-channels, in ms: $(tr '\n' ' ' <check.out)"
	tell "open $count"
done
