# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Sourced by the guest.sh of a test with DPDK's testpmd; its prepare calls guest/testpmd. What testpmd prints is in /tmp/pmd.out.

# It may end while it is given a command.
trap '' PIPE
mkdir -p /var/run

# pmd_start QUEUES [OPTION]...: starts testpmd, as the process $pmd, and waits until it takes commands. The options are testpmd's
# own, those of EAL are in $eal, and $as comes before its command. One thread takes commands and one forwards, on one processor;
# the latter never rests, so that the shell must come before it.
pmd_start() {
	local queues="$1"
	shift
	rm -f /tmp/pmd.in
	mkfifo /tmp/pmd.in
	# shellcheck disable=SC2016,SC2086 # expanded by the shell that becomes testpmd; words
	_STDBUF_O=L sh -c 'renice -n 19 -p $$ >/dev/null; exec "$@"' renice \
		$as /dpdk/loader --inhibit-cache --preload /dpdk/libstdbuf.so --library-path /dpdk /dpdk/dpdk-testpmd \
		--lcores '(0,1)@0' -n 1 -m 96 --iova-mode=pa --in-memory --no-pci --no-telemetry -v $eal -- -i \
		--total-num-mbufs=8192 --mbcache=64 --no-mlockall --rxq="$queues" --txq="$queues" --rxd=256 --txd=256 "$@" \
		</tmp/pmd.in >/tmp/pmd.out 2>&1 &
	pmd=$!
	exec 9>/tmp/pmd.in
	asked=0
	within 90 pmd_takes && pmd_runs
}
pmd_takes() { grep -q 'testpmd> ' /tmp/pmd.out || ! pmd_runs; }
pmd_runs() { kill -0 "$pmd" 2>/dev/null; }

# pmd COMMAND: testpmd's answer, when it has done that. It echoes what it reads, one command after the other, so that the
# echo of a word that is no command comes behind the answer.
pmd() {
	asked=$((asked + 1))
	pmd_from=$(wc -c </tmp/pmd.out)
	printf '%s\ndone%s\n' "$*" $asked >&9
	within 60 pmd_done
	pmd_answer >/tmp/pmd.answer
	cat /tmp/pmd.answer
	pmd_runs
} 2>/dev/null
pmd_answer() { tail -c +$((pmd_from + 1)) /tmp/pmd.out | tr -d '\r'; }
pmd_done() { ! pmd_runs || pmd_answer | grep -q "testpmd> done$asked"; }

# pmd_end: ends the input; the status with which testpmd ended
pmd_end() {
	exec 9>&-
	wait "$pmd"
}
pmd_quit() { echo quit >&9 && pmd_end; }

# pmd_count NAME: a counter of port 0, such as RX-packets
pmd_count() {
	pmd "show port stats 0" >/dev/null
	sed -n "s/.*$1: *\([0-9]*\).*/\1/p" /tmp/pmd.answer | head -n 1
}

# pmd_forward MODE: forwards in this mode, with counters that begin at 0
pmd_forward() {
	pmd "set fwd $1" && pmd "clear port stats 0" && pmd "clear fwd stats all" && pmd start
} >/dev/null

# pmd_sent: stops; what the forwarder has given to the port, as testpmd counts it
pmd_sent() {
	pmd stop >/dev/null
	sed -n '/Forward statistics for port 0/,/---$/s/.*TX-packets: *\([0-9]*\).*/\1/p' /tmp/pmd.answer | head -n 1
}
