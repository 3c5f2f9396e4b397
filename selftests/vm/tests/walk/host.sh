# SPDX-License-Identifier: GPL-2.0-only
seed=$(guest_says walking) || exit 1
seed=${seed#walking }
number() { seed=$(((seed * 1103515245 + 12345) % 2147483648)) && number=$((seed / 65536 % $1)); }
# VMBus does not survive a rescind of the device while it still adds
# sub-channels (doc/kernel.md, "Limits"), so the host waits until the guest has
# opened them. The guest does not open them if it closes the device at that
# moment.
offer_subs() { vmbus_host device "timeout 3" "offer-sub 2" "channel 2" wait-open >/dev/null 2>&1 || true; }
until grep -q "^say walked" ctl.log || ! guest_runs; do
	set --
	for _ in 1 2 3 4; do
		number 60
		set -- "$@" "sleep $number"
		number 6
		case $number in
		0 | 1) set -- "$@" rescind wait-released "print rescinded" offer wait-offered ;;
		2 | 3) offer_subs ;;
		4) set -- "$@" signal ;;
		5) set -- "$@" "rescind-sub 1" ;;
		esac
	done
	# The host refuses to signal a closed channel and to rescind a
	# sub-channel that does not exist. A wait that reaches its limit is a
	# failure.
	vmbus_host device "timeout 100" "$@" || { ! tail -n 1 host.log | grep "wait-" || break; }
done
rescinds=$(grep -c '^rescinded$' host.log)
check "the host rescinded the device ($rescinds times)" test "$rescinds" -gt 0
check "no wait was in vain" sh -c '! grep "wait-.* failed" host.log'
vmbus_host device offer wait-offered
watch device wait-open
tell offered
check "the host sees the last opening" watched
