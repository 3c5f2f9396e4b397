# SPDX-License-Identifier: GPL-2.0-only
# Each contender takes the NICs over from the previous one, and does the job
# that the host requests: "receive" counts the frames that come to the first
# NIC, and "forward" sends them out of the second one.
. /bench/testpmd.sh
. /test/plan.sh
netvsc=$programs/netvsc
first=/sys/bus/vmbus/devices/$nic_instance
second=/sys/bus/vmbus/devices/$nic2_instance
bound_twice() { nic_bound "${first##*/}" && nic_bound "${second##*/}"; }
mib() { for device in $first $second; do echo 1048576 >"$device/uio_hv_generic/ring_size" || return; done; }
give_to_program() {
	ls /sys/class/uio >/dev/null
	[ "$(basename "$(readlink "$first"/driver)")" = uio_hv_generic ] && return
	give_to_uio "$first" "$second"
	within 10 bound_twice && mib
}

# begin JOB CONTENDER, end JOB CONTENDER: start the job and stop it; both fail
# if the contender does not obey
begin() {
	case $2 in
	hv_netvsc)
		give_to '' "$first" "$second"
		within 30 there || return
		# Use Debian's programs, because those of the shell have fewer
		# options.
		/usr/bin/ip link set "$nic" txqueuelen 20000 up && /usr/bin/ip link set "$other" txqueuelen 20000 up || return
		[ "$1" = receive ] || { /usr/bin/tc qdisc add dev "$nic" ingress &&
			/usr/bin/tc filter add dev "$nic" parent ffff: matchall action mirred egress redirect dev "$other"; }
		;;
	testpmd)
		give_to_program || return
		as='' pmd_start 1 || return
		if [ "$1" = receive ]; then pmd_forward rxonly; else pmd_forward io; fi
		;;
	*)
		give_to_program || return
		set -- "$1" "$2" "${first##*/}"
		[ "$1" = receive ] || set -- "$1" "$2" --forward "${first##*/}" "${second##*/}"
		[ "$2" != example-poll ] || set -- "$@" --poll
		shift 2
		in_background /tmp/netvsc.log "$netvsc" "$@"
		pid=$!
		within 30 grep -q '^nic 0: ready' /tmp/netvsc.log
		;;
	esac
}
end() {
	case $2 in
	hv_netvsc) ip link set "$nic" down && ip link set "$other" down ;;
	testpmd) pmd_quit ;;
	*) kill -TERM "$pid" && wait "$pid" ;;
	esac
}
# busy: print the seconds in which the processor was not idle
busy() { awk '{ printf "%.2f", $1 - $2 }' /proc/uptime; }

modprobe -a uio_hv_generic hv_netvsc
for module in act_mirred cls_matchall sch_ingress; do insmod /forward/$module.ko; done
say version "DPDK $(cat /dpdk/version), Linux $(uname -r)"
failed=''
for round in $rounds; do
	for job in receive forward; do
		for who in $contenders; do
			hear "begin $round $job $who"
			begin $job "$who" >/tmp/begin.out 2>&1 || {
				failed="$failed; $round $job $who"
				told </tmp/begin.out
				told </tmp/pmd.out
			}
			for size in $sizes; do
				say "ready $round $job $who $size $(busy)"
				hear "over $round $job $who $size"
				say "spent $round $job $who $size $(busy)"
			done
			end $job "$who" >/tmp/end.out 2>&1 || failed="$failed; end of $round $job $who"
		done
	done
done
hear finished
check "each contender began and ended as it should${failed:-: all}" test -z "$failed"
