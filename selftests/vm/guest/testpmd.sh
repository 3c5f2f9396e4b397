# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck disable=SC1091,SC2034,SC2154,SC3043
# The guest.sh of a test with DPDK's testpmd sources this file; the settings of
# the test name the program testpmd. The output of testpmd is in /tmp/pmd.out.
# pmd_towards and pmd_from of host-lib.sh are the host's parts of pmd_receive
# and pmd_send.

. /bench/nic.sh

# testpmd may end while a function writes a command to it.
trap '' PIPE
mkdir -p /var/run

more=''
instance=$nic_instance
folder=/sys/bus/vmbus/devices/$instance

# nics_are_there: note the versions, and check in one result that hv_netvsc has
# both NICs
nics_are_there() {
	note "DPDK $(cat /dpdk/version), Linux $(uname -r)"
	modprobe hv_netvsc
	check "hv_netvsc has both NICs first" within 30 there
}
# other_carries_network: check in one result that the network can use the
# interface $other, so that the machine does not need the first NIC
other_carries_network() { check "the other NIC carries the network" other_has_route; }
other_has_route() { nic_up "$other" 1 && ip route add default via 10.55.1.1; }
# uio_takes_first: check in three results that both NICs are there, and that
# vmbusctl gives the first one to uio_hv_generic
uio_takes_first() {
	nics_are_there
	other_carries_network
	check "vmbusctl gives the first to uio_hv_generic" vmbusctl bind "$nic"
}

# page NAME: print the commands of this block in doc/dpdk.md
page() { sed -n "/^<!-- run $1 -->\$/,/^<!-- end -->\$/s/^    //p" /bench/dpdk.md; }
# page_runs NAME: run these commands, and note their output
page_runs() {
	local commands status
	commands=$(page "$1")
	[ -n "$commands" ] || return 1
	sh -e -c "$commands" >/tmp/page.out 2>&1
	status=$?
	told </tmp/page.out
	return $status
}

told() { tail -n 60 | while read -r line; do note "  $line"; done; }

# nic_bound [DEVICE]: whether uio_hv_generic has the device
nic_bound() { has_driver "${1:-$instance}" uio_hv_generic; }

# pmd_start QUEUES: start testpmd as doc/dpdk.md does, as the process $pmd, and
# wait until it accepts commands. $as comes before its command line, and $more
# after it. One thread of testpmd reads commands and one forwards, on one
# processor. The latter never sleeps, so the shell must have a higher priority.
pmd_start() {
	local command queues="$1"
	command=$(page testpmd)
	rm -f /tmp/pmd.in
	mkfifo /tmp/pmd.in
	# See in_background, which cannot give a command the pipe.
	: >/tmp/pmd.out
	cores='--lcores (0,1)@0' queues=$queues \
		sh -c "renice -n 19 -p \$\$ >/dev/null; exec $as /usr/bin/$(printf '%s\n' "$command" | sed "1s/^dpdk-testpmd/& -v --log-level=bus.vmbus:debug --log-level=pmd.net.netvsc.*:debug/") $more" \
		</tmp/pmd.in >/tmp/pmd.out 2>&1 &
	pmd=$!
	exec 9>/tmp/pmd.in
	asked=0
	by_clock 300 pmd_takes && pmd_runs
}
pmd_takes() { grep -q 'testpmd> ' /tmp/pmd.out || ! pmd_runs; }
pmd_runs() { ! over "$pmd"; }

# pmd COMMAND: let testpmd run a command, and print its answer. testpmd echoes
# what it reads, one command after the other, so the echo of a word that is no
# command follows the answer.
pmd() {
	asked=$((asked + 1))
	pmd_from=$(wc -c </tmp/pmd.out)
	printf '%s\ndone%s\n' "$*" $asked >&9
	by_clock 60 pmd_done || note "testpmd has not done '$*' within 60 s: $(waiting "$pmd")"
	pmd_answer >/tmp/pmd.answer
	cat /tmp/pmd.answer
	pmd_runs
} 2>/dev/null
pmd_answer() { tail -c +$((pmd_from + 1)) /tmp/pmd.out | tr -d '\r'; }
pmd_done() { ! pmd_runs || pmd_answer | grep -q "testpmd> done$asked"; }
pmd_answered() { grep -q "$1" /tmp/pmd.answer; }

# pmd_end: end the input, and return the exit status of testpmd, which must end
# within a minute
pmd_end() {
	exec 9>&-
	end_of "$pmd" 60
}
pmd_quit() { echo quit >&9 && pmd_end; }

# pmd_count NAME: print a counter of port 0, such as RX-packets
pmd_count() {
	pmd "show port stats 0" >/dev/null
	sed -n "s/.*$1: *\([0-9]*\).*/\1/p" /tmp/pmd.answer | head -n 1
}

# pmd_forward MODE: start to forward in this mode, with all counters at 0
pmd_forward() {
	pmd "set fwd $1" && pmd "clear port stats all" && pmd "clear fwd stats all" && pmd start
} >/dev/null

# pmd_sends COUNT: whether the host has completed at least COUNT frames since
# the counters were reset
pmd_sends() { [ "$(pmd_count TX-packets)" -ge "$1" ]; }

# pmd_sent: stop forwarding, and print the number of frames that testpmd counts
# as sent to port 0
pmd_sent() {
	pmd stop >/dev/null
	pmd_port_sent 0
}
# pmd_port_sent PORT: print the same for a port, after forwarding has stopped
pmd_port_sent() { sed -n "/Forward statistics for port $1/,/---\$/s/.*TX-packets: *\([0-9]*\).*/\1/p" /tmp/pmd.answer | head -n 1; }

# pmd_begins NAME [QUEUES]: start testpmd, and check in two results that it runs
# and that it has the port with the link up. The test ends if testpmd does not
# run.
pmd_begins() {
	check "$1: testpmd starts" pmd_start "${2:-1}" || {
		note "$(waiting "$pmd")"
		told </tmp/pmd.out
		exit 1
	}
	pmd "show port info all" >/dev/null
	check "$1: a port has the NIC's MAC address and a link" sh -c 'grep -qi "MAC address: 00:15:5D:55:00:02" /tmp/pmd.answer && grep -q "Link status: up" /tmp/pmd.answer' ||
		told </tmp/pmd.out
}

# pmd_receive NAME MODE COUNT: let the host send frames, and check in one result
# that all of them arrive. testpmd forwards them if the mode does so.
pmd_receive() {
	local got
	pmd_forward "$2"
	say "forwards $1"
	hear "generated $1"
	got="$(pmd_count RX-packets) $(pmd_count RX-errors) $(pmd_count RX-nombuf)"
	check "$1: testpmd has received what the host sent: $got (frames, errors, without a buffer)" test "$got" = "$3 0 0" || {
		told </tmp/pmd.answer
		vmbusctl list -v "$instance" | told
	}
	say "forwarded $1: $(pmd_sent)"
}

# pmd_send NAME SEGMENTS: let testpmd send for a second, and check in one result
# that it has sent frames
pmd_send() {
	local sent
	pmd "set txpkts $2" >/dev/null
	hear "send $1"
	pmd_forward txonly
	sleep 1
	sent=$(pmd_sent)
	check "$1: testpmd has sent something: $sent" test "$sent" -gt 100 || told </tmp/pmd.answer
	say "sent $1: $sent"
}

# pmd_returns COMMAND...: end a test with four results: testpmd quits, the
# command returns the NIC, hv_netvsc has the NIC again, and the host answers
# pings. The host's part is pmd_returned.
pmd_returns() {
	check "testpmd quits at last" pmd_quit || told </tmp/pmd.out
	check "$* gives the NIC back" "$@"
	check "hv_netvsc has it" within 20 there
	nic_up "$nic" 0
	check "ping" ping -c 20 -A 10.55.0.1
	say pinged
	hear finished
}
