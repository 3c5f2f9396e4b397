# SPDX-License-Identifier: GPL-2.0-only
fragment=6144
rounds=24
daemons=''
for device in $devices; do daemons="$daemons${daemons:+ }${device%%:*}"; done
backwards=''
for who in $daemons; do backwards="$who $backwards"; done

# counters DAEMON: print "interrupts signals packets" of its device so far
counters() {
	vmbus_host "$1" stats >stats.out 2>&1
	for name in interrupts hypercalls packets-to-guest; do sed -n "s/^stat $name //p" stats.out; done | tr '\n' ' '
}

# copy DAEMON PLACE NAME OPTIONS... FILE: copy an existing file, because
# generating the contents would take the host longer
copy() {
	who=$1 place=$2 name=$3
	shift 3
	"$bin/copy-vmfile" --timeout 60 --source "$who-$name" --destination "/tmp/to/$place/" "$who.sock" "$@" >copy.out 2>&1 || {
		note "$who, $place, $name: $(tail -n 1 copy.out)"
		return 1
	}
}

# value NAME: print a value of the finished copy
value() { sed -n "s/^$1 //p" copy.out; }

# file PACKETS NAME: make a source file of PACKETS packets
file() { head -c $(($1 * fragment)) /dev/urandom >"$2"; }
file 1 short
file 1000 long
file 200 timed

version=$(guest_says version) || exit 1
for who in $daemons; do copy "$who" tmpfs first short; done
: >calls
for who in $daemons; do
	tell "count $who"
	guest_says "counting $who\$" >/dev/null || exit 1
	for length in short long; do
		copy "$who" tmpfs "$length" "$length"
		tell "$length $who"
		guest_says "$length $who " >calls.out || exit 1
		awk -v kind=$length '{ for (i = 3; i <= NF; i++) if (split($i, call, "=") == 2) print $2, kind, call[2], call[1] }' calls.out >>calls
	done
	said=$(guest_says "sum $who ")
	check "$who: what arrived is what was sent" test "$(echo "$said" | cut -d' ' -f3)" = "$(value sha256)"
done

# numbers has "PLACE DAEMON ROUND MB/s-of-copy MB/s-of-data START COMPLETE" for
# each copy, and costs "PLACE DAEMON interrupts signals us" for each block.
: >numbers
: >costs
for place in tmpfs ext4; do
	for who in $daemons; do copy "$who" "$place" first short; done
	tell "begin $place"
	before=$(guest_says "before $place ") || exit 1
	for who in $daemons; do echo "then $who $(counters "$who")"; done >counted
	for round in $(seq $rounds); do
		order=$daemons
		[ $((round % 2)) = 1 ] || order=$backwards
		for who in $order; do
			copy "$who" "$place" "$round" timed || continue
			echo "$place $who $round $(value bytes) $(value start-seconds) $(value data-seconds) $(value complete-seconds)" |
				awk '{ print $1, $2, $3, $4 / ($5 + $6 + $7) / 1e6, $4 / $6 / 1e6, $5 * 1e3, $7 * 1e3 }' >>numbers
		done
	done
	for who in $daemons; do echo "now $who $(counters "$who")"; done >>counted
	tell "end $place"
	after=$(guest_says "after $place ") || exit 1
	{ echo "before ${before#before "$place"}" && echo "after ${after#after "$place"}" && cat counted; } | awk -v place="$place" '
		$1 == "before" || $1 == "after" {
			sign = $1 == "before" ? -1 : 1
			for (i = 2; i < NF; i += 2) us[$i] += sign * $(i + 1)
		}
		$1 == "then" || $1 == "now" {
			sign = $1 == "then" ? -1 : 1
			interrupts[$2] += sign * $3; signals[$2] += sign * $4; packets[$2] += sign * $5
		}
		END { for (who in packets) if (packets[who])
			print place, who, interrupts[who] / packets[who], signals[who] / packets[who], us[who] / packets[who] }' >>costs
done

rm -f short long timed

# column FILE FIRST DAEMON COLUMN: print a column of the lines that begin with
# these two words
column() { awk -v "first=$2" -v "who=$3" -v "c=$4" '$1 == first && $2 == who { print $c }' "$1"; }
number() { column "$@" | spread '%.2f'; }
# ratio PLACE DAEMON COLUMN: print the ratio of this column to that of the
# kernel tree's daemon in each round
ratio() {
	awk -v "place=$1" -v "who=$2" -v "c=$3" '$1 == place {
		if ($2 == "upstream") base[$3] = $c
		if ($2 == who) own[$3] = $c
	} END { for (round in own) if (base[round]) print own[round] / base[round] }' numbers
}

table '%s' "upstream is hv_fcopy_uio_daemon of linux-source ${version#version }; the host waits for each answer"
table '%s' "median (least-largest) of $rounds rounds; in each round every daemon receives 200 packets of $fragment bytes"
row='%-6s %-9s %18s %18s %18s %18s %18s %18s'
# shellcheck disable=SC2086 # a format
table "$row" place daemon "copy: MB/s" "its ratio" "data: MB/s" "its ratio" "START ms" "COMPLETE ms"
for place in tmpfs ext4; do
	for who in $daemons; do
		set -- "$place" "$who"
		for c in 4 5; do
			set -- "$@" "$(column numbers $place "$who" $c | spread '%.2f (%.2f-%.2f)')" \
				"$(ratio $place "$who" $c | spread '%.2f (%.2f-%.2f)')"
		done
		for c in 6 7; do set -- "$@" "$(column numbers $place "$who" $c | spread '%.1f (%.1f-%.1f)')"; done
		table "$row" "$@"
	done
done
table '%s' "a copy is from START to the answer of COMPLETE, its data from START's answer to that of the last WRITE;"
table '%s' "a ratio is to upstream's copy of the round; our COMPLETE writes the rest and has an fsync, upstream has none"
table '%s' ''
row='%-6s %-9s %11s %11s %11s'
table "$row" place daemon interrupts signals "CPU us"
for place in tmpfs ext4; do
	for who in $daemons; do
		table "$row" $place "$who" "$(number costs $place "$who" 3)" "$(number costs $place "$who" 4)" \
			"$(number costs $place "$who" 5)"
	done
done
table '%s' "interrupts, signals to the host (hypercalls) and the processor time of all processes of the daemon are for"
table '%s' "each packet, including START and COMPLETE"
table '%s' ''
# Both counted copies have the calls of START and COMPLETE, and the second count
# includes the first copy.
# each_call DAEMON: print "NAME COUNT COPY" for each call, and for "all" of
# them: how many one more WRITE costs, and a copy of 1000 WRITEs, for each WRITE
each_call() {
	awk -v "who=$1" '$1 == who { n[$4] += $2 == "long" ? $3 : -2 * $3; copy[$4] += $2 == "long" ? $3 : -$3 }
		END { for (call in n) print call, n[call] / 999, copy[call] / 1000 }' calls | sort -k 2gr -k 1
}
row='%-9s %-12s %11s %11s %s'
table "$row" daemon '' waits "system calls" "which"
for who in $daemons; do
	each_call "$who" >each
	for c in 2 3; do
		case $c in 2) each="more WRITE" ;; 3) each="whole copy" ;; esac
		table "$row" "$who" "$each" "$(awk -v c=$c '$1 == "waits" { printf "%.2f", $c }' each)" \
			"$(awk -v c=$c '$1 == "all" { printf "%.2f", $c }' each)" \
			"$(awk -v c=$c '$1 != "waits" && $1 != "all" && $c >= 0.005 { printf "%s %.2f ", $1, $c }' each)"
	done
done
table '%s' "waits and system calls of all processes of the daemon, on tmpfs: for one more WRITE, and for a copy of 1000"
table '%s' "WRITEs with its START and COMPLETE, divided by 1000; the list leaves out what is less than 0.005"
all() { for place in tmpfs ext4; do for who in upstream ours; do [ "$(column numbers $place $who 4 | grep -c .)" = $rounds ] || return 1; done; done; }
check "all copies in lockstep are complete" all
