#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Run installed tests. The options and the output lines are those of the
# kernel's run_kselftest.sh, without -d, -f, -n and -p.

BASE_DIR=$(dirname "$(readlink -f "$0")")
start=$(pwd -P)
LIST=$BASE_DIR/kselftest-list.txt
cd "$BASE_DIR" || exit 1
if [ ! -r "$LIST" ]; then
	echo "$0: cannot read the list of tests $LIST: run this from where 'make install' put it" >&2
	exit 1
fi

usage() {
	cat <<EOF2
Usage: $0 [OPTIONS]
  -s | --summary              Print the result lines, and leave the whole log in output.log, in the
                              current directory or, if that is not possible, in a new one of /tmp
  -t | --test COLL:TEST       Run TEST from COLLECTION (may be repeated)
  -S | --skip COLL:TEST       Skip TEST from COLLECTION (may be repeated)
  -c | --collection COLL      Run all tests from COLLECTION (may be repeated)
  -l | --list                 List the available COLLECTION:TEST entries
  -o | --override-timeout N   Seconds that each test may take, instead of its collection's setting
  -h | --help                 Show this
EOF2
	exit "$1"
}

need() {
	[ -n "$2" ] || {
		echo "$0: $1 needs a value" >&2
		usage 1
	}
}

# known test|collection NAME
known() {
	if [ "$1" = test ]; then cat "$LIST"; else cut -d: -f1 "$LIST"; fi | grep -qxF -- "$2" || {
		echo "$0: no such $1: $2" >&2
		return 1
	}
}

COLLECTIONS='' TESTS='' SKIP='' summary='' kselftest_override_timeout=''
while [ $# -gt 0 ]; do
	case $1 in
	-s | --summary)
		summary=1
		shift
		;;
	-t | --test)
		need "$1" "${2-}"
		known test "$2" || exit 1
		TESTS="$TESTS $2"
		shift 2
		;;
	-S | --skip)
		need "$1" "${2-}"
		# One list of tests to skip may serve several installations.
		known test "$2"
		SKIP="$SKIP $2"
		shift 2
		;;
	-c | --collection)
		need "$1" "${2-}"
		known collection "$2" || exit 1
		COLLECTIONS="$COLLECTIONS $2"
		shift 2
		;;
	-l | --list)
		cat "$LIST"
		exit 0
		;;
	-o | --override-timeout)
		need "$1" "${2-}"
		case $2 in *[!0-9]*)
			echo "$0: $1 takes a number of seconds, or 0 for no limit: $2" >&2
			exit 1
			;;
		esac
		kselftest_override_timeout=$2
		shift 2
		;;
	-h | --help) usage 0 ;;
	*)
		echo "$0: unknown option: $1" >&2
		usage 1
		;;
	esac
done
# outside DIRECTORY: true if the directory is outside the installation, which
# this script only reads
outside() {
	case $1/ in
	"$BASE_DIR"/*) return 1 ;;
	esac
}

note=''
if [ -n "$summary" ]; then
	summary_log=$start/output.log
	# In dash a redirection that fails ends the shell, if the command is
	# the special built-in ":".
	if ! outside "$start" || ! { true >"$summary_log"; } 2>/dev/null; then
		summary_log=$(mktemp -d "${TMPDIR:-/tmp}/kselftest.XXXXXX")/output.log || exit 1
	fi
	note="# The whole log is in $summary_log."
fi

. "$BASE_DIR/kselftest/runner.sh"

selected() {
	while IFS= read -r entry; do
		chosen=
		[ -n "$COLLECTIONS$TESTS" ] || chosen=1
		for c in $COLLECTIONS; do [ "${entry%%:*}" != "$c" ] || chosen=1; done
		for t in $TESTS; do [ "$entry" != "$t" ] || chosen=1; done
		for t in $SKIP; do [ "$entry" != "$t" ] || chosen=; done
		[ -z "$chosen" ] || echo "$entry"
	done <"$LIST"
}

entries=$(selected)
if [ -z "$entries" ]; then
	echo "$0: no test is selected" >&2
	exit 1
fi

run_all() {
	kselftest_planned=1
	print_plan "$(echo "$entries" | wc -l)"
	[ -z "$note" ] || echo "$note"
	for COLLECTION in $(echo "$entries" | cut -d: -f1 | uniq); do
		[ ! -w /dev/kmsg ] || echo "kselftest: Running tests in $COLLECTION" >/dev/kmsg 2>/dev/null
		# If the directory of the collection is missing, each of its
		# tests fails, because its file is missing.
		cd "$BASE_DIR/$COLLECTION" || cd "$BASE_DIR" || exit 1
		# shellcheck disable=SC2046 # names without blanks
		run_many $(echo "$entries" | sed -n "s/^$COLLECTION://p")
	done
	print_totals
	return "$kselftest_failures"
}

if [ -n "$summary" ]; then
	# Descriptor 3 carries the status past the pipes. Descriptor 4 is the
	# output of this script.
	{ status=$({ { run_all; echo $? >&3; } | tee "$summary_log" |
		line_awk '/^(TAP version|1\.\.|ok |not ok |# Totals: |# The whole log is in )/ { print; fflush() }' >&4; } 3>&1); } 4>&1
	if ! grep -q '^# Totals: ' "$summary_log"; then
		echo "$0: $summary_log does not have the whole log" >&2
		exit 1
	fi
	exit "$status"
fi
run_all
