# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Both sides source this file: the guest has to expect the copies in the order in which the host makes them.

# runs DAEMON...: print every copy, one a line: KIND ROUND PLACE QUEUE DAEMON
#   calls   ROUND is 0 or 1000 packets; the difference of the two is the system calls of 1000 packets. Nothing is timed.
#   timed   in lockstep; each round has every daemon once, and every second round runs them backwards
#   queued  with QUEUE packets ahead; upstream's stands still then, so once is enough
runs() {
	backwards=''
	for who; do
		backwards="$who $backwards"
		for packets in 0 1000; do echo "calls $packets tmpfs 1 $who"; done
	done
	for round in 1 2 3 4 5 6 7 8; do
		for place in tmpfs ext4; do
			if [ $((round % 2)) = 1 ]; then
				for who; do echo "timed $round $place 1 $who"; done
			else
				for who in $backwards; do echo "timed $round $place 1 $who"; done
			fi
		done
	done
	for queue in 2 8; do
		for round in 1 2 3; do
			for who; do [ "$round" = 1 ] || [ "$who" != upstream ] || continue; echo "queued $round tmpfs $queue $who"; done
		done
	done
}
