# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Print the results of a shell test as KTAP, with the names of the kernel's
# kselftest/ktap_helpers.sh.
#
# Tests source this file with "command . FILE || exit 1". With "." alone, dash
# would exit with 2 if the file were missing, and newer runners of the kernel
# count that as XFAIL.
#
# Call ktap_print_header and ktap_set_plan N, then N of ktap_test_pass, _fail,
# _skip, and ktap_finished.
# shellcheck disable=SC2034 # variables for those that source this file

# A test removes its files in a trap for EXIT, which dash does not run if a
# signal ends it. The shell first waits for the command that it runs. Therefore
# files stay if a runner signals the shell alone and then kills it, as the
# timeout of busybox does.
trap 'exit 1' HUP INT PIPE QUIT TERM

KTAP_TESTNO=1
KTAP_CNT_PASS=0
KTAP_CNT_FAIL=0
KTAP_CNT_SKIP=0
KSFT_NUM_TESTS=0

KSFT_PASS=0
KSFT_FAIL=1
KSFT_SKIP=4

ktap_print_header() {
	[ -n "${KSFT_TAP_LEVEL:-}" ] || echo "TAP version 13"
}

ktap_print_msg() {
	echo "# $*"
}

ktap_set_plan() {
	KSFT_NUM_TESTS=$1
	echo "1..$1"
}

# ktap_skip_all REASON: print this instead of a plan; the caller exits with
# $KSFT_SKIP
ktap_skip_all() {
	echo "1..0 # SKIP $*"
}

# ktap_can_run DIRECTORY: true if programs can run in this directory
ktap_can_run() {
	printf '#!/bin/sh\n' >"$1/program" && chmod +x "$1/program" && "$1/program" 2>/dev/null && rm "$1/program"
}

# ktap_need_programs DIRECTORY: skip all unless programs can run in this
# directory, in which the caller is going to make some. Call it before
# ktap_print_header.
ktap_need_programs() {
	ktap_can_run "$1" || {
		ktap_print_header
		ktap_skip_all "no program can run in $1: set TMPDIR to a directory where programs may run"
		exit "$KSFT_SKIP"
	}
}

__ktap_test() {
	result=$1 description=$2 directive=${3:+ # $3}
	echo "$result $KTAP_TESTNO $description$directive"
	KTAP_TESTNO=$((KTAP_TESTNO + 1))
}

ktap_test_pass() {
	__ktap_test "ok" "$1"
	KTAP_CNT_PASS=$((KTAP_CNT_PASS + 1))
}

ktap_test_fail() {
	__ktap_test "not ok" "$1"
	KTAP_CNT_FAIL=$((KTAP_CNT_FAIL + 1))
}

# ktap_test_skip DESCRIPTION [REASON]
ktap_test_skip() {
	__ktap_test "ok" "$1" "SKIP${2:+ $2}"
	KTAP_CNT_SKIP=$((KTAP_CNT_SKIP + 1))
}

ktap_print_totals() {
	echo "# Totals: pass:$KTAP_CNT_PASS fail:$KTAP_CNT_FAIL xfail:0 xpass:0" \
		"skip:$KTAP_CNT_SKIP error:0"
}

# Exit with 1 if a test failed, if there was none, or if there were more or
# fewer than planned. Otherwise exit with 4 if all were skipped, and with 0 if
# not.
ktap_finished() {
	ktap_print_totals
	if [ "$KTAP_CNT_FAIL" -ne 0 ] || [ "$KSFT_NUM_TESTS" -eq 0 ] ||
		[ $((KTAP_CNT_PASS + KTAP_CNT_SKIP)) -ne "$KSFT_NUM_TESTS" ]; then
		exit "$KSFT_FAIL"
	fi
	if [ "$KTAP_CNT_SKIP" -eq "$KSFT_NUM_TESTS" ]; then
		exit "$KSFT_SKIP"
	fi
	exit "$KSFT_PASS"
}
