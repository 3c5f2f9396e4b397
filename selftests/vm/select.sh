# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# run sources this file after settings.sh. It selects the tests and their
# kernels.

# settings TEST: read the settings of a test, and apply the options of run
settings() {
	read_settings "$1"
	[ -z "$all_stock" ] || stock=1
	# With -a all tests run, except those that only run by name.
	[ -z "$by_name" ] || [ "$manual" = always ] || manual=''
	case $manual in 1 | always) manual=$on ;; esac
}

# list_tests: print each test with its description and its kernels; with -k,
# only the tests of these kernels. No test names a kernel of -K.
list_tests() {
	local test kernel some
	for test in "$vm"/tests/*/; do
		test=$(basename "$test")
		settings "$test"
		some=''
		for kernel in "${kernels[@]}"; do [[ " $on ${own[*]} " != *" $kernel "* ]] || some=1; done
		[ ${#kernels[@]} = 0 ] || [ -n "$some" ] || continue
		printf '%-16s %s (%s)\n' "$test${manual:+*}" "$description" "$on${manual:+; by name: $manual}"
	done
}

# select_tests [TEST[@KERNEL]...]: set selected to TEST@KERNEL...
select_tests() {
	local test argument everything='' on_own some kernel
	selected=()
	if [ $# = 0 ]; then
		everything=1
		for test in "$vm"/tests/*/; do set -- "$@" "$(basename "$test")"; done
	fi
	for argument in "$@"; do
		test=${argument%@*}
		settings "$test"
		# On a kernel of the administrator every named test runs.
		# Without names, run the tests that can run on all of Debian's
		# kernels, and run by default on one of the bench's kernels.
		on_own="${own[*]}" some=''
		for kernel in $debian_kernels; do
			[ -z "$everything" ] || [[ " $on " = *" $kernel "* ]] || on_own=''
		done
		for kernel in $on; do
			[[ " $manual " = *" $kernel "* ]] || some=1
		done
		if [[ "$argument" = *@* && " $on $on_own " != *" ${argument#*@} "* ]]; then
			die "$argument: this test does not run on ${argument#*@}, but on: $on"
		fi
		[ -z "$everything" ] || [ -n "$some" ] || on_own=''
		for kernel in $on $on_own; do
			[ "$argument" = "$test" ] || [ "$argument" = "$test@$kernel" ] || continue
			[ -z "$everything" ] || [[ " $manual " != *" $kernel "* ]] || continue
			if [ ${#kernels[@]} = 0 ] && [[ " $rare_kernels " = *" $kernel "* ]] && [ "$argument" = "$test" ]; then continue; fi
			[ ${#kernels[@]} = 0 ] || [[ " ${kernels[*]} " == *" $kernel "* ]] || continue
			selected+=("$test@$kernel")
		done
	done
	[ ${#selected[@]} -gt 0 ] || die "no test is left of: $*. The kernels are: ${kernels[*]:-$debian_kernels}"
}
