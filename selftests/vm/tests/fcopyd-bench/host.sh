# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
bytes=6000000
note "table hv_fcopy_uio_daemon of linux-source $(guest_says version | sed 's/^version //'); each number of the middle one of three copies of $bytes bytes"

# counters NAME: "interrupts signals packets" so far
counters() {
	vmbus_host fcopy stats >stats.out 2>&1
	for name in interrupts hypercalls packets-to-guest; do sed -n "s/^stat $name //p" stats.out; done | tr '\n' ' '
}

for round in 1 2 3; do
	for mode in 1-20480 2-20480 8-69632; do
		for who in upstream ours; do
			run=$round-$mode-$who
			tell "begin $run"
			# It is open, and the versions are agreed.
			"$bin/copy-vmfile" --timeout 60 fcopy.sock --generate 100:1 --source first --destination /tmp/in/ >first.out 2>&1 || note "$run: $(tail -n 1 first.out)"
			tell "open $run"
			before=$(guest_says "before $run") || exit 1
			then=$(counters)
			# The other stands still when packets are ahead.
			patience=60
			[ "$who${mode%-*}" = upstream1 ] || [ $who = ours ] || patience=8
			if "$bin/copy-vmfile" --timeout $patience --queue "${mode%-*}" fcopy.sock --generate "$bytes:1" --source file --destination /tmp/in/ >copy.out 2>&1; then
				now=$(counters)
				tell "copied $run"
				after=$(guest_says "after $run") || exit 1
				# Cost of the run, counters, MB/s
				echo "$before $after $then $now $(sed -n 's/^MB\/s //p' copy.out)" | awk -v bytes=$bytes '{
					packets = $14 - $11
					printf "%.2f %.0f %.2f %.2f %.2f %.2f\n", $15, packets * $15 * 1e6 / bytes,
						($12 - $9) / packets, ($13 - $10) / packets, ($8 - $4) / packets, ($7 - $3) / bytes }'
			else
				note "$run: $(tail -n 1 copy.out)"
				tell "copied $run"
				guest_says "after $run" >/dev/null || exit 1
			fi >>"numbers-$mode-$who"
		done
	done
done

# row MODE WHO: of the run with the middle MB/s, empty when not all of them came to their end
row() { sort -n "numbers-$1-$2" | awk '{ line[NR] = $0 } END { if (NR == 3) print line[2] }'; }
note "table $(printf '%-34s %-9s %6s %9s %11s %9s %9s %9s' 'the host sends' daemon MB/s packets/s interrupts signals wake-ups 'CPU ms/MB')"
for mode in 1-20480 2-20480 8-69632; do
	case $mode in
	1-*) what="one packet, waits for its answer" ;;
	2-*) what="2 packets ahead, rings of 16 KiB" ;;
	8-*) what="8 packets ahead, rings of 64 KiB" ;;
	esac
	for who in upstream ours; do
		# shellcheck disable=SC2046 # words
		set -- $(row $mode $who)
		if [ $# = 6 ]; then
			note "table $(printf '%-34s %-9s %6s %9s %11s %9s %9s %9s' "$what" $who "$1" "$2" "$3" "$4" "$5" "$6")"
		else
			note "table $(printf '%-34s %-9s %s' "$what" $who "stands still: $(grep -c . "numbers-$mode-$who") of 3 copies came to their end")"
		fi
	done
done
note "table interrupts, signals to the host (hypercalls) and wake-ups are for each packet"

complete() { [ -n "$(row "$1" ours)" ]; }
check "ours: all copies in lockstep are complete" complete 1-20480
check "two packets ahead, too" complete 2-20480
check "and eight" complete 8-69632
# Of the other's in lockstep, as it stands still otherwise: the wake-ups and signals together
half() { echo "$(row 8-69632 ours) $(row 1-20480 upstream)" | awk '{ print ($4 + $5) / ($10 + $11); exit ($4 + $5) * 2 > $10 + $11 }'; }
check "at most half the wake-ups and signals when packets are queued" half
