# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2094,SC2154
# The host.sh of each test sources this file. It runs beside the guest and takes
# the part of the Hyper-V host, in bash.

ok() { printf 'ok host %s\n' "$*" >>"$results"; }
not_ok() { printf 'not ok host %s\n' "$*" >>"$results"; }
note() { printf '# host: %s\n' "$*" >>"$results"; }

# table FORMAT WORDS...: print a line of the tables that "make bench-..." shows
# shellcheck disable=SC2059 # a format
table() { note "table $(printf "$@")"; }

# spread FORMAT: read numbers, and print their median, minimum and maximum
spread() {
	sort -n | awk -v format="$1" '{ v[NR] = $1 } END {
		if (NR) printf format, (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2, v[1], v[NR] }'
}

check() {
	description=$1
	shift
	"$@" >check.out 2>&1
	status=$?
	if [ $status = 0 ]; then
		ok "$description"
	else
		not_ok "$description"
		note "$* exited with $status"
		while read -r line; do note "  $line"; done <check.out
		return 1
	fi
}

# guest_runs: whether the guest's QEMU still runs, or the QEMU in which the
# guest continues after a hibernation
guest_runs() { [ ! -e ended ]; }

# statistic DEVICE NAME: print this number of the device's statistics
statistic() { vmbus_host "$1" stats | sed -n "s/^stat $2 //p"; }

# copy_compared NAME BYTES: copy a file to /srv, and check in two results that
# the copy succeeds and that the guest has the same file. The guest hears
# "copied NAME", and then calls sum.
copy_compared() {
	copy_vmfile fcopy --generate "$2:7" --destination "/srv/$1" >copy.out 2>&1
	check "$1 copy: success" test $? = 0 || note "$(tr '\n' ';' <copy.out)"
	tell "copied $1"
	same_arrives "$1"
}

# same_arrives NAME: check that the guest's sum reports the file that the host
# has sent, according to copy.out
same_arrives() {
	sent=$(sed -n 's/^sha256 //p' copy.out)
	check "$1 copy: SHA-256 sent and arrived" test "$(guest_says "sha $1 ")" = "sha $1 ${sent:-of nothing}"
}

# copy_asked NAME: copy the file for which the guest's copy_arrives waits, and
# check it as copy_compared does
copy_asked() {
	guest_says "copy $1\$" || exit 1
	copy_compared "$1" 100000
}

# copy_long: copy a file that takes long, for copies_during_upgrade. It fails if
# the guest ends the copy with a status. The host pauses, because the guest
# needs the processor for the upgrade. On a busy machine an answer has taken
# more than 30 s while dkms compiled, so there is no other limit than the
# test's.
copy_long() {
	copy_vmfile fcopy --limit "$timeout" --pause 5 --generate 40000000:1 --source half --destination /srv/half --force >half.out 2>&1
	case $? in
	0) arrived=$((arrived + 1)) ;;
	# The daemon has closed the device, but no copy had begun.
	4) ! grep -q '^start ' half.out ;;
	*) return 1 ;;
	esac
}

# copies_during_upgrade: copy long files from the guest's "half" until a copy is
# stopped or the guest says "upgraded", so one is under way when the daemon is
# restarted. Check in one result how that one ends. Then the guest hears "cut".
copies_during_upgrade() {
	guest_says half || exit 1
	arrived=0
	while ! grep -q '^say upgraded' ctl.log && guest_runs && copy_long; do :; done
	check "upgrade: the copy that the restart interrupts ends with 0x800704d3, $arrived before it arrive" \
		grep -E '^(start|write|complete) 0x800704d3' half.out || note "$(tr '\n' ';' <half.out)"
	guest_says upgraded || exit 1
	tell cut
}

# stock_asked: copy the file for which the guest's stock_copies waits, and check
# that it arrives. The distribution's daemon takes every destination for a
# directory.
stock_asked() {
	guest_says "the distribution's daemon runs" || exit 1
	copy_is 0x00000000 "the distribution's daemon receives a file" --generate 100000:1 --source stock --destination /srv
	tell "copied stock"
	same_arrives stock
}

# fcopy_asked: copy the file for which the guest waits: through the
# distribution's daemon if it says "fcopy refused", because the kernel's own
# uio_hv_generic has refused the device, or else through ours
fcopy_asked() {
	said=$(guest_says 'fcopy ') || exit 1
	case $said in
	"fcopy refused") stock_asked ;;
	*) copy_asked stock ;;
	esac
}

# change NAME,PROPERTY=VALUE...: change devices for the QEMU that starts after
# the guest has hibernated
change() { echo "$*" >changes; }

# tell WORDS: send the line for which the guest's `hear` waits
tell() {
	printf '%s\n' "$*" | tee -a told >ctl.in
}

# guest_says PATTERN: wait for a `say` line that matches the pattern (grep -E),
# and print the words of `say`. It waits until the time limit of the test. It
# searches the log again only if the last search is not newer.
guest_says() {
	says_until=$((SECONDS + timeout))
	rm -f said
	while [ said -nt ctl.log ] || ! grep -E "^say $1" ctl.log >said; do
		if [ $SECONDS -ge $says_until ] || ! guest_runs; then
			not_ok "the guest says '$1' within $timeout s; its last message: $(tail -n 1 ctl.log)"
			return 1
		fi
		sleep 0.5
	done
	tail -n 1 said | sed 's/^say //'
}

# watch DEVICE COMMAND...: run vmbus_host in the background. It is connected
# when watch returns, so it misses nothing.
# watched: wait until it ends
watch() {
	watched_device=$1
	shift
	# The shell would empty the file only in the background, and leave the
	# words of the watch before to grep.
	: >watch.out
	vmbus_host "$watched_device" "print watching" "$@" >>watch.out 2>&1 &
	watcher=$!
	until grep -q watching watch.out || ! kill -0 $watcher 2>/dev/null; do sleep 0.1; done
}
watched() {
	wait "$watcher"
	status=$?
	cat watch.out
	return $status
}

# vmbus_host DEVICE COMMAND..., copy_vmfile DEVICE OPTION...: play the host of
# a device. DEVICE is its name in the settings of the test. The programs wait
# until the time limit of the test, so that a slow machine causes no failure.
vmbus_host() {
	device=$1
	shift
	"$bin/vmbus-host" -t "$timeout" "$device.sock" "$@"
}

# cycle DEVICE COUNT [PACKETS]: COUNT times, rescind the device, offer it again,
# and send packets of 8 bytes when the guest has opened it
cycle() {
	seq "$2" | sed "s/.*/print cycle &\\nrescind\\nwait-released\\noffer\\nwait-open\\nsend 8 ${3:-0}/" | vmbus_host "$1"
}

# obey_guest: run the commands that the guest tells (guest/hold.sh), in the form
# [DEVICE...: ]COMMAND;COMMAND..., until it is done. Check in one result that
# they succeeded. Without DEVICE they are for the device of this name. Several
# devices run them at the same time.
obey_guest() {
	number=1
	succeeded=0
	while said=$(guest_says "host ($number |is done\$)") && [ "$said" != "host is done" ]; do
		commands=${said#"host $number "}
		names=device
		case $commands in
		*": "*)
			names=${commands%%: *}
			commands=${commands#*: }
			;;
		esac
		pids='' failed=0
		for name in $names; do
			obey_for "$name" &
			pids="$pids $!"
		done
		for pid in $pids; do wait "$pid" || failed=1; done
		[ $failed = 1 ] || succeeded=$((succeeded + 1))
		tell "did $number"
		number=$((number + 1))
	done
	check "the host did what the guest said: $succeeded of $((number - 1)) times" test $succeeded = $((number - 1)) -a $succeeded -gt 0
}
# obey_for DEVICE: run $commands, and print what fails
obey_for() (
	name=$1
	IFS=';'
	# shellcheck disable=SC2086 # a command between two semicolons is an argument
	set -- $commands
	unset IFS
	vmbus_host "$name" "timeout 60" "$@" >"did.$name" 2>&1 && exit
	note "$name: $commands: $(cat "did.$name")"
	exit 1
)

copy_vmfile() {
	device=$1
	shift
	"$bin/copy-vmfile" --timeout "$timeout" "$device.sock" "$@"
}

# nic_start DEVICE [DEVICE]: run vmbus-nic as the host of these devices until
# the guest ends, with the log nic.log
nic_start() {
	"$bin/vmbus-nic" control.sock "$timeout" "$1.sock" ${2:+"$2.sock"} >nic.log 2>&1 &
	nic_program=$!
	until grep -qx ready nic.log || ! kill -0 $nic_program 2>/dev/null; do sleep 0.1; done
}
# nic [NUMBER] COMMAND...: run a command of vmbus-nic for the NIC with this
# number, or for the first NIC
nic() { "$bin/vmbus-nic" --to control.sock "$@"; }

# within SECONDS COMMAND...: repeat a command until it succeeds, at most for
# this time, and print what it printed at last
within() {
	within_until=$((SECONDS + $1))
	shift
	while ! within_said=$("$@"); do
		if [ $SECONDS -ge $within_until ] || ! guest_runs; then
			echo "$within_said" >&2
			return 1
		fi
		sleep 0.1
	done
	echo "$within_said"
}

# nic_is CHANNEL STATE: whether this channel of the first NIC is open, closed,
# held, offered or rescinded
nic_is() { nic status | grep -E "^channel $1 (.* )?$2 "; }

# nic_rescind, nic_offer: rescind the first NIC, or offer it again, and wait
# until the guest has released it, or has the offer
nic_rescind() { nic rescind && within 120 nic_is 0 held; }
nic_offer() { nic offer && within 120 nic_is 0 offered; }

# nic_ping COUNT SIZE: ping the guest, and wait for the answers
nic_ping() { nic ping 10.55.0.2 "$@" && within 120 nic expect pings_answered "$1"; }

# nic_generate NUMBER COUNT MIN [MAX [CHANNEL [STREAM]]]: send frames of this
# NIC to the guest, and print their number, and that none is out of order. This
# fails if the guest has not released all of them after four minutes.
nic_generate() {
	number=$1
	shift
	nic "$number" generate "$@" && within 240 nic "$number" generated "${4:-0}" && return
	note "the guest has not given all frames of NIC $number back, $*: $(nic "$number" status | tr '\n' ' ')"
	nic "$number" stop
	return 1
}

# nic_same NAME COUNT: check in one result that the host has received the frames
# that the guest sends (outbound), in their order
nic_same() {
	sent=$(guest_says "sent $1: " | sed "s/^sent $1: //")
	within 30 nic expect numbered "$2" >/dev/null
	check "$1: the guest's frames arrive as they were sent: $sent" test "$sent" = "$(nic sink 1)"
	nic sink reset
}

# nic_towards NAME COUNT MIN MAX [CHANNEL]: send frames, and check that the
# guest has received them (inbound)
nic_towards() {
	what=$1
	shift
	guest_says "receives $what" >/dev/null || return
	made=$(nic_generate 0 "$@")
	got=$(guest_says "received $what: " | sed "s/^received $what: //")
	check "$what: the host's frames arrive as they were sent: $got" test "$got" = "$made"
}

# nic_counter NAME: print the value of a counter
nic_counter() { nic status | sed -n "s/^$1 //p"; }

# nic_cross NAME COUNT: check in two results that the guest forwards between its
# two NICs, in both directions at once, so that each NIC waits for the other
nic_cross() {
	nic_generate 1 "$2" 60 1514 0 2 >made-by-other &
	made=$(nic_generate 0 "$2" 60 1514 0 1)
	wait $!
	within 60 nic 1 expect numbered "$2" >/dev/null
	within 60 nic expect numbered "$2" >/dev/null
	check "$1: every frame of the first leaves by the second: $made" test "$(nic 1 sink 1)" = "${made:-none}"
	check "$1: and the other way: $(cat made-by-other)" test "$(nic sink 2)" = "$(cat made-by-other)"
}

# pmd_returned: check in two results that the kernel's driver has the NIC again
# and answers pings, and that the guest has broken no rule
pmd_returned() {
	guest_says pinged || exit 1
	check "the host has answered the pings" nic expect echo_replies 20
	nic_judged
}

# nic_judged: print the counters of the first NIC, and check in one result that
# the guest has broken no rule with any NIC
nic_judged() {
	nic status >status
	note "$(tr '\n' ' ' <status)"
	check "the guest has broken no rule of a NIC" nic_obeyed
}
nic_obeyed() { ! grep '^complaint ' nic.log && nic expect complaints 0 0; }

# pmd_towards NAME COUNT [CHANNELS]: send COUNT frames of up to $largest bytes
# on each channel to the guest's testpmd (pmd_receive), which sends them back,
# and check them in two results. If testpmd does not send them back, CHANNELS is
# 0, and there is one result.
largest=1514
pmd_towards() {
	guest_says "forwards $1" >/dev/null || exit 1
	nic sink reset
	channel=0 made=''
	while [ $channel -lt $((${3:-1} ? ${3:-1} : 1)) ]; do
		made="$made$(nic_generate 0 "$2" 60 $largest $channel $channel);" || {
			channel=$((${3:-1} ? ${3:-1} : 1))
			break
		}
		channel=$((channel + 1))
	done
	[ "${3:-1}" = 0 ] || within 10 nic expect numbered $(($2 * channel)) >/dev/null
	tell "generated $1"
	forwarded=$(guest_says "forwarded $1: ") || exit 1
	forwarded=${forwarded##* }
	got='' frames=0 channel=0
	while [ $channel -lt "${3:-1}" ]; do
		sunk=$(nic sink $channel)
		got="$got$sunk;"
		sunk=${sunk#frames }
		frames=$((frames + ${sunk%% *}))
		channel=$((channel + 1))
	done
	if [ "${3:-1}" = 0 ]; then
		check "$1: the host gets nothing back" nic expect numbered 0 0
	else
		check "$1: the host gets what testpmd has forwarded: $forwarded of $(($2 * channel))" test "$frames" = "$forwarded"
		check "$1: these are the frames that it sent: $got" pmd_forwarded_well $(($2 * channel))
	fi
}

# pmd_forwarded_well COUNT: check that testpmd has forwarded the host's frames
# in order. testpmd drops a frame if there is no room to send it, so a slow
# guest may lose many frames. The host must have received as many as testpmd has
# counted.
pmd_forwarded_well() {
	if [ "$forwarded" = "$1" ]; then
		[ "$got" = "$made" ]
	else
		[ "$forwarded" -gt 0 ] && [ "$forwarded" -lt "$1" ]
	fi
}

# pmd_from NAME: check in one result that the host has received the frames that
# testpmd has sent (pmd_send). testpmd counts a frame when the host has
# completed it, so its number does not include the last ones.
pmd_from() {
	before=$(nic_counter from_guest)
	tell "send $1"
	sent=$(guest_says "sent $1: ") || exit 1
	sent=${sent##* }
	within 10 nic expect from_guest $((before + sent)) >/dev/null
	check "$1: the host has all that testpmd has counted: $sent" test "$(($(nic_counter from_guest) - before))" -ge "$sent"
}

# status_is STATUS FILE: check the status that copy_vmfile has printed to the
# file. A refused copy must be refused before the host sends any data.
status_is() {
	grep -q "^status $1" "$2" && { [ "$1" = 0x00000000 ] || grep -qx 'bytes 0' "$2"; }
}

# copy_is STATUS DESCRIPTION OPTIONS...: copy to the device fcopy, and check the
# status in one result
copy_is() {
	wanted=$1 what=$2
	shift 2
	copy_vmfile fcopy "$@" >copy.out 2>&1
	check "$what: $wanted" status_is "$wanted" copy.out || note "$(tr '\n' ';' <copy.out)"
}
