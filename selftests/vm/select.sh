# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# run sources this file after settings.sh. It selects the tests and their
# kernels.

# added_kernels: print the kernels that make check-all adds for the test
added_kernels() { echo "$more_kernels ${pages:+$page_kernels} $later"; }

# among KERNELS: print the test's kernels among these, or none
among() {
	local kernel found=''
	for kernel in $on; do [[ " $1 " != *" $kernel "* ]] || found+=" $kernel"; done
	echo "${found:- none}"
}

# list_tests: print each test with its description and its kernels; with -k,
# only the tests of these kernels. No test names a kernel of -K.
list_tests() {
	local test kernel some runs
	for test in "$vm"/tests/*/; do
		test=$(basename "$test")
		read_settings "$test"
		some=''
		for kernel in "${kernels[@]}"; do [[ " $on ${own[*]} " != *" $kernel "* ]] || some=1; done
		[ ${#kernels[@]} = 0 ] || [ -n "$some" ] || continue
		runs="make check:$(among "$check"), check-all adds:$(among "$(added_kernels)")"
		[ -z "$apart" ] || runs="only by name"
		printf '%-16s %s (%s; %s)\n' "$test" "$description" "$on" "$runs"
	done
}

# runs_unnamed KERNEL: whether a run without names has the test on this kernel
runs_unnamed() {
	[ -z "$apart" ] || return
	if [ ${#kernels[@]} -gt 0 ]; then
		[[ " ${kernels[*]} " == *" $1 "* ]]
	elif [ -n "$everything" ]; then
		[[ " $(added_kernels) " = *" $1 "* ]]
	else
		[[ " $check " = *" $1 "* ]]
	fi
}

# runs_named ARGUMENT KERNEL: whether a run with this name, TEST or TEST@KERNEL,
# has the test on this kernel
runs_named() {
	[ "$1" = "$test@$2" ] || {
		[ "$1" = "$test" ] || return
		[ ${#kernels[@]} -gt 0 ] || [[ " $rare_kernels " != *" $2 "* ]] || return
	}
	[ ${#kernels[@]} = 0 ] || [[ " ${kernels[*]} " == *" $2 "* ]]
}

# runs_on_own: whether a run without names has the test on a kernel of the
# administrator: if it can run on all of Debian's kernels, and make check has it
runs_on_own() {
	local kernel
	for kernel in $debian_kernels; do
		[[ " $on " = *" $kernel "* ]] || return
	done
	[ -n "$check" ]
}

# select_tests [TEST[@KERNEL]...]: set selected to TEST@KERNEL...
select_tests() {
	local test argument kernel
	selected=()
	for argument in "$@"; do
		test=${argument%@*}
		read_settings "$test"
		[[ "$argument" != *@* || " $on ${own[*]} " = *" ${argument#*@} "* ]] ||
			die "$argument: this test does not run on ${argument#*@}, but on: $on"
		for kernel in $on "${own[@]}"; do
			! runs_named "$argument" "$kernel" || selected+=("$test@$kernel")
		done
	done
	[ $# -gt 0 ] || for test in "$vm"/tests/*/; do
		test=$(basename "$test")
		read_settings "$test"
		for kernel in $on; do
			! runs_unnamed "$kernel" || selected+=("$test@$kernel")
		done
		! runs_on_own || for kernel in "${own[@]}"; do selected+=("$test@$kernel"); done
	done
	[ ${#selected[@]} -gt 0 ] || die "no test is left of: $*. The kernels are: ${kernels[*]:-$debian_kernels}"
}
