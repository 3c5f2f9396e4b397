# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck disable=SC2034
# Run the tests of a collection. The lines of output are those of the kernel's
# kselftest/runner.sh, and one comment with the cases and the seconds. Scripts
# source this file in the collection's directory, with COLLECTION set. It runs
# on dash, bash and busybox.
#
# A test exits with 0 if it passed, 2 if it failed as expected, and 4 if it was
# skipped. Every other status is a failure, and so is 2 without a line that has
# "# XFAIL": a shell also exits with 2 if a script has a syntax error or needs a
# file that is missing.

export KSFT_TAP_LEVEL=1

kselftest_default_timeout=45
kselftest_failures=0
kselftest_cases=0
kselftest_count=0 kselftest_pass=0 kselftest_fail=0 kselftest_xfail=0 kselftest_skip=0
: "${kselftest_override_timeout:=}" "${kselftest_planned:=}"

# Print the time limit in seconds from the collection's settings; 0: no limit
timeout_of_collection() {
	if [ -n "$kselftest_override_timeout" ]; then
		echo "$kselftest_override_timeout"
	elif [ -f settings ] && grep -q '^timeout=' settings; then
		sed -n 's/^timeout=\([0-9]*\).*/\1/p' settings | tail -n 1
	else
		echo $kselftest_default_timeout
	fi
}

# line_awk ARGUMENT...: run awk, and let it read line by line. mawk would read
# blocks, so that a line would come late, or not at all if the machine crashed.
# With this option, mawk joins a line that has a NUL byte and the next one.
kselftest_awk_option=''
case $(awk -W version </dev/null 2>&1) in
mawk*) kselftest_awk_option='-W interactive' ;;
esac
# shellcheck disable=SC2086 # no option, or one with its value
line_awk() { awk $kselftest_awk_option "$@"; }

# Prefix each line. Print to descriptor 3 the number of results, the number of
# lines with "# XFAIL", and the first reason for a skip. The C helpers put the
# reason before or after "# SKIP", with the name of the case.
tap_prefix() {
	line_awk '{ print "# " $0; fflush() } /^(not )?ok [0-9]/ { n++ } /# XFAIL/ { xfail++ }
		why == "" && /^(1\.\.0|ok [0-9]+)( .*)? # SKIP/ {
			why = $0
			if (!sub(/^.* # SKIP +/, "", why)) gsub(/^ok [0-9]+ +|^1\.\.0| *# SKIP$/, "", why)
		}
		END { print n + 0, xfail + 0, why | "cat >&3" }'
}

# run_limited SECONDS COMMAND...: if the time limit ends the command, print how
# busy the machine was, and return 124
run_limited() {
	limit=$1 started=$(date +%s)
	shift
	if [ "$limit" = 0 ]; then
		"$@"
		return
	elif timeout --version 2>/dev/null | grep -q GNU; then
		# The inner timeout makes a process group of the test and its
		# children, and sends SIGTERM to all of them. The outer one
		# stays in the group of the terminal, and passes Ctrl-C on. A
		# child that makes a group of its own or ignores SIGTERM goes
		# on.
		timeout --foreground 0 timeout -k 10 "$limit" "$@"
	else
		timeout -k 10 "$limit" "$@"
	fi
	ended=$?
	# The timeout of busybox returns the status of the test: that of
	# SIGTERM, or of its trap. Every timeout kills a test that ignores
	# SIGTERM, and so does the kernel when memory runs out.
	case $ended in
	0 | 2 | 4) return $ended ;;
	esac
	[ $(($(date +%s) - started)) -ge "$limit" ] || return $ended
	echo "The time limit ends this test. Load average: $(cut -d ' ' -f 1-3 /proc/loadavg)." \
		"Processor time of this shell, and below of the test, user and system:"
	times
	return 124
}

# result KIND LINE: print a result line, and count it as pass, fail, xfail or
# skip
result() {
	eval "kselftest_$1=\$((kselftest_$1 + 1))"
	[ "$1" != fail ] || kselftest_failures=1
	printf '%s\n' "$2"
}

# run_one NAME NUMBER: print the output of a test, prefixed, and its result line
run_one() {
	name=$1 number=$2
	line="selftests: $COLLECTION: $name"
	limit=$(timeout_of_collection)
	echo "# timeout set to $limit"
	echo "# $line"
	if [ ! -e "$name" ]; then
		result fail "not ok $number $line # file $name is missing"
		return
	fi
	if [ ! -x "$name" ]; then
		result fail "not ok $number $line # file $name is not executable"
		return
	fi
	# Descriptor 3 carries the status, and then what tap_prefix prints, past
	# the pipe. Descriptor 4 is the output of this script.
	{ outcome=$({ { run_limited "$limit" "./$name" </dev/null 2>&1 3>&-; printf '%s ' $? >&3; } |
		tap_prefix >&4; } 3>&1); } 4>&1
	# bash before 5.1 cannot do this without a file in /tmp.
	status='' cases='' xfails='' why=''
	read -r status cases xfails why <<-END
		$outcome
	END
	kselftest_cases=$((kselftest_cases + ${cases:-0}))
	[ "$status" != 2 ] || [ "${xfails:-0}" = 0 ] || status=expected
	case $status in
	0) result pass "ok $number $line" ;;
	expected) result xfail "ok $number $line # XFAIL" ;;
	4) result skip "ok $number $line # SKIP${why:+ $why}" ;;
	124) result fail "not ok $number $line # TIMEOUT $limit seconds" ;;
	*) result fail "not ok $number $line # exit=$status" ;;
	esac
}

print_plan() {
	echo "TAP version 13"
	echo "1..$1"
}

print_totals() {
	echo "# Totals: pass:$kselftest_pass fail:$kselftest_fail xfail:$kselftest_xfail xpass:0" \
		"skip:$kselftest_skip error:0"
}

# run_many NAME...: run these tests, and set kselftest_failures to 1 if one
# failed. A caller that prints one plan for several collections sets
# kselftest_planned.
run_many() {
	[ -n "$kselftest_planned" ] || print_plan $#
	kselftest_cases=0 began=$(date +%s)
	for test in "$@"; do
		kselftest_count=$((kselftest_count + 1))
		run_one "$test" $kselftest_count
	done
	echo "# $COLLECTION: $kselftest_cases cases in $(($(date +%s) - began)) seconds"
	[ -n "$kselftest_planned" ] || print_totals
}
