# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC1090,SC1091,SC2154
# run sources this file. It runs the guests of the job, on the machine itself or
# in emulated machines.

# progress NAME [SECONDS]: show which test runs, and fail if nothing arrives for
# this time
progress() {
	local line status name
	while IFS= read -r ${2:+-t "$2"} line || { status=$? && false; }; do
		line=${line%$'\r'}
		case $line in
		'@@ alive') continue ;;
		'@@ start '*) printf '      [%3d s] %s\n' $((SECONDS - start)) "${line#@@ start ???-}" ;;
		'@@ done '*) read -r _ _ name _ <<<"$line" && fetch_results "$name" ;;
		esac
		printf '%s\n' "$line" >>"$results/console-$1.log"
	done
	[ "$status" -le 128 ]
}

# Each test has its own part of the disk that receives the results of an outer
# guest, so no result is lost with the guest.
result_room=64

# fetch_results [TEST]: move the results of this test, or of all of $tests that
# have ended, from $results_disk or from the job to those of the run
fetch_results() {
	local slot name place
	for slot in "${!tests[@]}"; do
		name=${tests[slot]}
		[ "$name" = "${1:-$name}" ] || continue
		[ ! -e "$results/$name/seconds" ] || continue
		# If the run is stopped here, it leaves no part of the results.
		place=$(mktemp -d "$results/.fetch.XXXXXX")
		if [ -n "$results_disk" ]; then
			dd if="$results_disk" bs=${result_room}M skip="$slot" count=1 status=none |
				tar -xf - -C "$place" --strip-components=1 2>/dev/null || true
		else
			cp -r "$job/tests/$name" "$place/"
		fi
		[ ! -d "$place/$name" ] || { rm -rf "${results:?}/$name" && mv "$place/$name" "$results/"; }
		rm -rf "$place"
	done
}

# outer_run NAME TEST...: run these tests in an outer guest, one after the
# other; fail if the guest stalls
outer_run() {
	local name=$1 limit=60 test vmlinuz initrd timeout console files=() status=0
	shift
	local tests=("$@") places=() drives=()
	local letters=cdefghijkl disk results_disk=$out/results-$name.img
	# These disks follow the two disks of the job.
	[ ${#disks[@]} -le ${#letters} ] || die "an outer guest can have ${#letters} disks of guests, and these tests need ${#disks[@]}"
	for disk in "${disks[@]}"; do
		places+=("${disk%%=*}=/dev/vd${letters:${#places[@]}:1}")
		drives+=(-drive "file=${disk#*=},format=raw,if=virtio,readonly=on")
	done
	for test in "${tests[@]}"; do
		read -r vmlinuz initrd timeout < <(. "$job/tests/$test/conf" && echo "$vmlinuz" "$initrd" "$timeout")
		limit=$((limit + pace * (timeout + 60)))
		files+=("tests/$test" "kernels/$vmlinuz" "initrds/$initrd")
	done
	cat >"$job/$name.conf" <<CONF
CPU='$hyperv_cpu' PRELOAD=/job/bin/vmbus-host.so DISKS='${places[*]}' NOW='$(date +%s)' TESTS='${tests[*]}'
RESULTS=/dev/vdb RESULT_ROOM=$result_room QEMU='/usr/bin/qemu-system-x86_64 -L /usr/share/qemu'
CONF
	mapfile -t files < <(printf '%s\n' "${files[@]}" | sort -u)
	tar -cf "$out/job-$name.tar" -C "$job" --transform "s/^$name.conf$/outer.conf/" "$name.conf" bin "${files[@]}" ||
		die "the job for the emulated machine '$name' could not be written to $out"
	rm -f "$results_disk"
	truncate -s $((${#tests[@]} * result_room))M "$results_disk"
	set -- "${accelerator[@]}" -cpu EPYC,+svm,+npt -plugin "file=$out/fixes.so" -M q35 -m 6144 -nographic -no-reboot -nic none \
		-kernel "$qemu_root/image/boot/vmlinuz-$(kernel_release "$qemu_root")" -initrd "$outer" \
		-append "console=ttyS0 quiet no_timer_check mitigations=off panic=1 tsc=reliable random.trust_cpu=on" \
		-drive "file=$out/job-$name.tar,format=raw,if=virtio,readonly=on" \
		-drive "file=$results_disk,format=raw,if=virtio,cache=unsafe"
	set -- "$@" "${drives[@]}"
	# shellcheck disable=SC2086 # a command line
	exec {console}< <(exec timeout -k 10 "$limit" $low $emulator "$@" </dev/null 2>&1 8>&-)
	machine=$!
	if ! progress "$name" "$stall_limit" <&"$console"; then
		status=1
		kill $machine
	fi
	exec {console}<&-
	wait $machine || what="ended (exit status $?)"
	machine=''
	fetch_results
	rm -f "$out/job-$name.tar" "$results_disk"
	return $status
}

# The outer guest prints a line every ten seconds if each of its processors
# runs. A missing line means that the emulation has failed, which is no result
# of a test. The remaining tests then run once in a new outer guest, and the
# test that was running comes last.

# outer NAME KIND TEST...: run these tests in an outer guest of this kind (see
# run_nested), one after the other. A second of a clock that counts instructions
# takes up to $pace seconds on a busy machine. Such a guest has a low priority,
# because its tests do not notice that it waits, and the tests with two
# processors beside it do. Most steps of 'make check' have a lower one still.
outer() {
	local name=$1 test left restarts=0 what stall_limit accelerator low='nice -n 10' pace
	case $2 in
	1) pace=20 accelerator=(-accel "tcg,thread=single" -icount "shift=0,sleep=off" -smp 1) ;;
	counted) pace=5 accelerator=(-accel "tcg,thread=single" -icount "shift=2,sleep=off" -smp 1) ;;
	2) pace=1 low='' accelerator=(-accel "tcg,thread=multi" -smp 2) ;;
	esac
	stall_limit=$((60 * pace))
	shift 2
	machine=''
	trap '' INT
	trap 'exit 143' TERM
	trap '[ -z "$machine" ] || kill $machine 2>/dev/null || true' EXIT
	while :; do
		what=ended
		outer_run "$name" "$@" || what="was silent for $stall_limit s"
		left=()
		for test in "$@"; do [ -e "$results/$test/seconds" ] || left+=("$test"); done
		[ ${#left[@]} -gt 0 ] || break
		printf '# bench: the emulated machine "%s" %s in test %s\n' "$name" "$what" "${left[0]}"
		[ $restarts = 0 ] || break
		echo "$name" >>"$results/stalls"
		restarts=1
		set -- "${left[@]:1}" "${left[0]}"
	done
}

# run_direct: run the tests on the machine itself, one after the other
run_direct() {
	local tests=() results_disk='' test
	for test in "$job"/tests/*/; do [ ! -e "$test/conf" ] || tests+=("$(basename "$test")"); done
	[ ${#tests[@]} -gt 0 ] || return 0
	cat >"$job/outer.conf" <<CONF
CPU='$hyperv_cpu' PRELOAD='$job/bin/vmbus-host.so' DISKS='${disks[*]}' TESTS='${tests[*]}' RESULTS='' QEMU='$qemu_command'
CONF
	(cd "$job" && exec sh ./bin/run-all 8>&-) | progress direct
	fetch_results
}

# share LANES: read lines "SECONDS TEST" from the standard input, and set
# lanes[] to the tests of each lane, so that all lanes take about equally long
share() {
	local seconds test lane least loads=()
	lanes=()
	for ((lane = 0; lane < $1; lane++)); do loads+=(0) lanes+=(''); done
	while read -r seconds test; do
		[ -n "$test" ] || continue
		least=0
		for lane in "${!loads[@]}"; do [ "${loads[lane]}" -ge "${loads[least]}" ] || least=$lane; done
		loads[least]=$((loads[least] + seconds))
		lanes[least]+=" $test"
	done < <(sort -srn -k 1,1)
}

# begin_lane KIND NAME TESTS: begin to run these tests in an outer guest
begin_lane() {
	# shellcheck disable=SC2086 # a list of tests
	[ -z "$3" ] || { outer "$2" "$1" $3 & running+=($!); }
}

# end_lanes: wait until all have ended
end_lanes() {
	# Without process ids, wait also waits for the shell's process
	# substitutions, and has once not returned although all had ended.
	[ ${#running[@]} = 0 ] || wait "${running[@]}" || true
	running=()
}

# run_nested: run the tests in emulated machines. Emulation is fastest with one
# processor. The kinds of outer guests are:
#
# 1: one processor, whose clock counts instructions, one for each nanosecond.
#    While nothing runs, the clock leaps to the next timer. So waiting costs
#    nothing, and the load of the machine does not decide whether a test meets
#    its limits. By the wall clock, timer ticks took half of the processor from
#    guests that had to share it.
# counted: the same with one instruction for each 4 ns, for measurements and for
#    tests in which the guest's processor waits without halting
# 2: two processors and the wall clock, for a test that needs two processors,
#    for its guest or beside it. There is one such guest at a time. It does not
#    use both processors of a machine all the time, and has a higher priority
#    than the others.
#
# An outer guest whose clock counts instructions is always busy. So there is one
# of the first kind for each processor of the machine, but at most six. Each of
# all outer guests uses up to 2 GB of memory, so there are fewer of the first
# kind, and at least one, if the machine does not have so much.
run_nested() {
	local single='' pairs='' counted='' dir name kind seconds count room number lanes
	running=()
	for dir in "$job"/tests/*/; do
		[ -e "$dir/conf" ] || continue
		name=$(basename "$dir")
		read -r kind seconds < <(. "$dir/conf" && echo "$outer_guest" "$seconds")
		case $kind in
		1) single+="$seconds $name"$'\n' ;;
		2) pairs+=" $name" ;;
		counted) counted+=" $name" ;;
		*) die "$name: its outer guest must be 1, 2 or counted" ;;
		esac
	done
	room=$(awk '/^MemAvailable:/ { print int($2 / 2000000) }' /proc/meminfo)
	room=$((room - (${#counted} > 0) - (${#pairs} > 0)))
	count=$(printf '%s\n' "$(nproc)" $((room > 1 ? room : 1)) 6 | sort -n | head -n 1)
	share "$count" <<<"$single"
	trap 'kill ${running[*]} 2>/dev/null || true' EXIT
	trap 'exit 143' INT TERM HUP
	for number in "${!lanes[@]}"; do begin_lane 1 "lane-$number" "${lanes[number]}"; done
	begin_lane counted counted "$counted"
	begin_lane 2 pairs "$pairs"
	end_lanes
}
