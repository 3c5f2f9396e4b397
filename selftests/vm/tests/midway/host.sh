# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Run the commands of the guest (script.sh).
number=1
succeeded=0
while said=$(guest_says "host ($number |is done\$)") && [ "$said" != "host is done" ]; do
	commands=${said#"host $number "}
	IFS=';'
	# shellcheck disable=SC2086 # a command between two semicolons is an argument
	set -- $commands
	unset IFS
	if vmbus_host device "timeout 60" "$@" >did.out 2>&1; then
		succeeded=$((succeeded + 1))
	else
		note "$commands: $(cat did.out)"
	fi
	tell "did $number"
	number=$((number + 1))
done
check "the host did what the guest said: $succeeded of $((number - 1)) times" test $succeeded = $((number - 1)) -a $succeeded -gt 0
