# SPDX-License-Identifier: GPL-2.0-only
# shellcheck source=plan.sh
. ./plan.sh
frames=10000

# costs: print "interrupts signals" of both NICs so far
costs() {
	{ nic stats && nic 1 stats; } | awk '
		$1 == "interrupts" { interrupts += $2 }
		$1 == "hypercalls" || $1 == "monitor-signals" { signals += $2 }
		END { print interrupts + 0, signals + 0 }'
}

# come JOB: print how many frames the job has handled, and in how many
# microseconds
come() {
	if [ "$1" = receive ]; then nic rates | sed -n 's/^generated 0 //p'; else nic 1 rates | sed -n 's/^arrived 0 //p'; fi
}
# generate SIZE: send frames to the guest, which has two minutes for them
generate() {
	nic generate $frames "$1" "$1" 0 0 && within 120 nic generated && return
	nic stop
	return 1
}
# settled: wait until no frame has come for a second, because a contender may
# have lost some
settled() {
	last=-1
	while now=$(nic 1 sink 0) && [ "$now" != "$last" ]; do
		last=$now
		sleep 1
	done
}

# numbers has "JOB SIZE CONTENDER ROUND frames us busy interrupts signals" for
# each run.
: >numbers
nic_start nic other
version=$(guest_says version) || exit 1
for round in $rounds; do
	for job in receive forward; do
		for who in $contenders; do
			tell "begin $round $job $who"
			for size in $sizes; do
				busy=$(guest_says "ready $round $job $who $size ") || exit 1
				nic 1 sink reset
				before=$(costs)
				generate "$size" >generated.out 2>&1 || note "$round $job $who $size: $(cat generated.out)"
				[ "$job" = receive ] || settled
				after=$(costs)
				tell "over $round $job $who $size"
				spent=$(guest_says "spent $round $job $who $size ") || exit 1
				echo "$job $size $who $round $(come "$job") ${busy##* } ${spent##* } $before $after" | awk '
					NF == 12 { print $1, $2, $3, $4, $5, $6, ($8 - $7) * 1e6, $11 - $9, $12 - $10 }' >>numbers
			done
		done
	done
done

# of JOB SIZE CONTENDER EXPRESSION: print the value of the awk expression for
# each run of this contender
of() { awk -v "job=$1" -v "size=$2" -v "who=$3" '$1 == job && $2 == size && $3 == who { n = $5; us = $6; busy = $7; print '"$4"' }' numbers; }
# ratio JOB SIZE CONTENDER: print the ratio of its rate to that of hv_netvsc in
# the same round
ratio() {
	awk -v "job=$1" -v "size=$2" -v "who=$3" '$1 == job && $2 == size && $6 {
		if ($3 == "hv_netvsc") base[$4] = $5 / $6
		if ($3 == who) own[$4] = $5 / $6
	} END { for (round in own) if (base[round]) print own[round] / base[round] }' numbers
}

nic_judged
tell finished
table '%s' "${version#version }; median (least-largest) of $(echo "$rounds" | wc -w) rounds of $frames frames, one processor"
row='%-8s %5s  %-13s %8s %19s %19s %11s %8s %6s'
# shellcheck disable=SC2086 # a format
table "$row" job bytes contender frames/s "ratio" "CPU us/frame" interrupts signals lost
for job in receive forward; do
	for size in $sizes; do
		for who in $contenders; do
			table "$row" $job "$size" "$who" "$(of $job "$size" "$who" 'n / us * 1e6' | spread '%.0f')" \
				"$(ratio $job "$size" "$who" | spread '%.2f (%.2f-%.2f)')" \
				"$(of $job "$size" "$who" 'busy / n' | spread '%.1f (%.1f-%.1f)')" \
				"$(of $job "$size" "$who" '$8 / n' | spread '%.3f')" "$(of $job "$size" "$who" '$9 / n' | spread '%.3f')" \
				"$(of $job "$size" "$who" "$frames - n" | spread '%.0f')"
		done
	done
done
table '%s' "the ratio is of frames per second, to hv_netvsc in the same round; interrupts and signals are for each frame, of both NICs;"
table '%s' "testpmd and example-poll never rest, so that their processor time is all that there is; lost are frames that went in and did"
table '%s' "not come out"

complete() { [ "$(awk '$5 > 0 && $6 > 0' numbers | wc -l)" = $(($(echo "$rounds" | wc -w) * 2 * 2 * $(echo "$contenders" | wc -w))) ]; }
check "every contender has done every job" complete
