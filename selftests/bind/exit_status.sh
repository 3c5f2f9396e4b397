#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Compare the exit status of vmbusctl and vmbus-bind with what the manual pages
# and the help say.
# shellcheck disable=SC2086,SC2154,SC2317 # GUIDs need no quotes; variables are those of tree.sh; tests are called by name
# shellcheck source=guest.sh
command . "$(dirname "$0")/guest.sh" || exit 1

# in_manual PAGE: print the numbers in its section EXIT STATUS
in_manual() {
	awk '/^\.SH/ { here = /EXIT STATUS/ } here && /^\.B [0-9]+$/ { printf "%s ", $2 }' "$dir/$1"
}

# in_help: print the numbers in the part of $out that begins with "Exit status:"
in_help() {
	printf '%s\n' "$out" | sed -n '/^Exit status: /,$p' | tr '\n' ' ' |
		grep -o -e 'status: [0-9]' -e '; [0-9]' | tr -dc '0-9\n' | tr '\n' ' '
}

test_vmbusctl() {
	numbers=$(sed -n 's/^\tEXIT_[A-Z_]* = \([0-9]*\),.*/\1/p' "$dir/command.h" | tr '\n' ' ')
	is "numbers of command.h" "$numbers" "0 1 2 3 4 5 6 7 "
	is "numbers of vmbusctl(8)" "$(in_manual vmbusctl.8)" "$numbers"
	vmbusctl --help
	is "numbers of the help" "$(in_help)" "$numbers"
}

test_vmbus_bind() {
	names=$(sed -n 's/^enum { \(EXIT_.*\) };$/\1/p' "$dir/vmbus-bind.c")
	is names "$names" "EXIT_OK, EXIT_FAILED, EXIT_USAGE"
	is "numbers of vmbus-bind(8)" "$(in_manual vmbus-bind.8)" "0 1 2 "
	vmbus_bind --help
	is "numbers of the help" "$(in_help)" "0 1 2 "
}

run_tests
