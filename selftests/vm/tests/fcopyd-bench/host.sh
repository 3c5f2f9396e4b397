# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
. ./runs.sh
fragment=6144
packets=1000

# table FORMAT WORDS...: a line of the tables that "make bench-fcopy" shows
# shellcheck disable=SC2059 # a format
table() { note "table $(printf "$@")"; }

# counters: "interrupts signals packets" so far
counters() {
	vmbus_host fcopy stats >stats.out 2>&1
	for name in interrupts hypercalls packets-to-guest; do sed -n "s/^stat $name //p" stats.out; done | tr '\n' ' '
}

# copy OPTIONS... : to the place of this run. The source is a file, as making it up takes the host longer than reading it.
copy() { "$bin/copy-vmfile" --directory "/tmp/to/$place" "$@"; }

# value NAME: of the copy that has ended
value() { sed -n "s/^$1 //p" copy.out; }

version=$(guest_says version) || exit 1
daemons=$(guest_says daemons) || exit 1
daemons=${daemons#daemons }
head -c 1 /dev/urandom >first
head -c $((packets * fragment)) /dev/urandom >file
: >numbers
# shellcheck disable=SC2086 # words
runs $daemons >runs
while read -r kind round place queue who <&7; do
	run=$kind-$round-$place-$queue-$who
	tell "begin $run"
	# It is open, and the versions are agreed.
	copy --timeout 60 fcopy.sock first >first.out 2>&1 || note "$run: $(tail -n 1 first.out)"
	tell "open $run"
	before=$(guest_says "before $run ") || exit 1
	then=$(counters)
	source=file patience=60
	[ "$kind$round" != calls0 ] || source=first
	# It stands still when packets are ahead.
	[ "$kind$who" != queuedupstream ] || patience=5
	if copy --timeout $patience --queue "$queue" --name file fcopy.sock $source >copy.out 2>&1; then
		now=$(counters)
		tell "copied $run"
		after=$(guest_says "after $run ") || exit 1
		if [ "$kind" = calls ]; then
			# "name count" of each call, of both copies
			for call in $(echo "$before" | cut -d' ' -f5-); do echo "$who $round -${call#*=} ${call%=*}"; done >>calls
			for call in $(echo "$after" | cut -d' ' -f5-); do echo "$who $round ${call#*=} ${call%=*}"; done >>calls
			if [ "$round" != 0 ]; then
				said=$(guest_says "sum-$who ")
				check "$who: what arrived is what was sent" test "$(echo "$said" | cut -d' ' -f2)" = "$(value sha256)"
			fi
		fi
		# The run's name is three words of each: before RUN NANOSECONDS WAITS.
		echo "$before" >before
		echo "$after" >after
		echo "$kind $round $place $queue $who $then $now $(cut -d' ' -f3,4 before) $(cut -d' ' -f3,4 after)" \
			"$(value bytes) $(value data-seconds) $(value complete-seconds)" | awk -v fragment=$fragment '{
			sent = $11 - $8
			print $1, $2, $3, $4, $5, $16 / $17 / 1e6, $17 / $16 * fragment * 1e6, $18 * 1e3,
				($9 - $6) / sent, ($10 - $7) / sent, ($15 - $13) / sent, ($14 - $12) / sent / 1e3 }' >>numbers
	else
		note "$run: $(tail -n 1 copy.out)"
		tell "copied $run"
		guest_says "after $run " >/dev/null || exit 1
	fi
done 7<runs
rm -f first file

# The columns of "numbers" after the five that name a run
mbs=6 usec=7 complete=8 interrupts=9 signals=10 wakeups=11 cpu=12

# spread FORMAT: the median, the least and the largest of the numbers that it reads
spread() {
	sort -n | awk -v format="$1" '{ v[NR] = $1 } END {
		if (NR) printf format, (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2, v[1], v[NR] }'
}
# column KIND PLACE QUEUE DAEMON COLUMN
column() { awk -v "kind=$1" -v "place=$2" -v "queue=$3" -v "who=$4" -v "c=$5" '$1 == kind && $3 == place && $4 == queue && $5 == who { print $c }' numbers; }
median() { column "$@" | spread '%.2f'; }
# ratio PLACE DAEMON COLUMN: to the kernel tree's in the same round
ratio() {
	awk -v "place=$1" -v "who=$2" -v "c=$3" '$1 == "timed" && $3 == place {
		if ($5 == "upstream") base[$2] = $c
		if ($5 == who) own[$2] = $c
	} END { for (round in own) if (base[round]) print own[round] / base[round] }' numbers | spread '%.2f (%.2f-%.2f)'
}
copies() { column "$@" 6 | grep -c .; }

table '%s' "upstream is hv_fcopy_uio_daemon of linux-source ${version#version }; $packets packets of $fragment bytes"
table '%s' "median (least-largest) of $(copies timed tmpfs 1 ours) rounds, in each of which every daemon makes a copy"
row='%-6s %-9s %20s %20s %20s %20s'
# shellcheck disable=SC2086 # a format
table "$row" place daemon MB/s "us/packet" "MB/s to upstream's" "COMPLETE ms"
for place in tmpfs ext4; do
	for who in $daemons; do
		table "$row" $place "$who" "$(column timed $place 1 "$who" $mbs | spread '%.2f (%.2f-%.2f)')" \
			"$(column timed $place 1 "$who" $usec | spread '%.0f (%.0f-%.0f)')" "$(ratio $place "$who" $mbs)" \
			"$(column timed $place 1 "$who" $complete | spread '%.1f (%.1f-%.1f)')"
	done
done
table '%s' "MB/s and us/packet are from START's answer to the last WRITE's; COMPLETE has our fsync, and upstream has none"
table '%s' ''
row='%-6s %-9s %11s %11s %11s %11s %20s'
table "$row" place daemon interrupts signals wake-ups "CPU us" "CPU to upstream's"
for place in tmpfs ext4; do
	for who in $daemons; do
		table "$row" $place "$who" "$(median timed $place 1 "$who" $interrupts)" "$(median timed $place 1 "$who" $signals)" \
			"$(median timed $place 1 "$who" $wakeups)" "$(median timed $place 1 "$who" $cpu)" "$(ratio $place "$who" $cpu)"
	done
done
table '%s' "interrupts, signals to the host (hypercalls), wake-ups and the daemon's processor time are for each packet"
table '%s' ''
# per_packet DAEMON: "name count" of the system calls of a WRITE: START's and COMPLETE's are in both counts
per_packet() {
	awk -v "who=$1" -v packets=$packets '$1 == who { n[$4] += $2 ? $3 : -$3 }
		END { for (call in n) if (n[call] / (packets - 1) >= 0.005) printf "%s %.2f\n", call, n[call] / (packets - 1) }' calls | sort -k 2nr -k 1
}
for who in $daemons; do
	table '%s' "system calls of each packet, $who: $(per_packet "$who" | awk '{ sum += $2; printf "%s %s, ", $1, $2 } END { printf "together %.2f", sum }')"
done
table '%s' ''
row='%-34s %-9s %20s %11s %11s %11s %11s'
table "$row" "no real host sends ahead" daemon MB/s interrupts signals wake-ups "CPU us"
for queue in 2 8; do
	what="2 packets ahead, rings of 16 KiB"
	[ $queue = 2 ] || what="8 packets ahead, rings of 64 KiB"
	for who in $daemons; do
		if [ "$(copies queued tmpfs $queue "$who")" != 0 ]; then
			table "$row" "$what" "$who" "$(column queued tmpfs $queue "$who" $mbs | spread '%.2f (%.2f-%.2f)')" \
				"$(median queued tmpfs $queue "$who" $interrupts)" "$(median queued tmpfs $queue "$who" $signals)" \
				"$(median queued tmpfs $queue "$who" $wakeups)" "$(median queued tmpfs $queue "$who" $cpu)"
		else
			table '%-34s %-9s %20s' "$what" "$who" "stands still"
		fi
	done
done

all() { for place in tmpfs ext4; do for who in upstream ours; do [ "$(copies timed $place 1 $who)" = 8 ] || return 1; done; done; }
check "all copies in lockstep are complete" all
ahead() { [ "$(copies queued tmpfs 2 ours)" = 3 ] && [ "$(copies queued tmpfs 8 ours)" = 3 ]; }
check "ours: those with packets ahead, too" ahead
# The other's in lockstep, as it stands still otherwise: the wake-ups and signals together
half() {
	echo "$(median queued tmpfs 8 ours $signals) $(median queued tmpfs 8 ours $wakeups)" \
		"$(median timed tmpfs 1 upstream $signals) $(median timed tmpfs 1 upstream $wakeups)" |
		awk '{ print $1 + $2, $3 + $4; exit ($1 + $2) * 2 > $3 + $4 }'
}
check "at most half the wake-ups and signals when packets are queued" half
