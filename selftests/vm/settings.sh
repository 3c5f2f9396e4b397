# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced after kernels.sh: what a test's settings say (doc/testing.md lists it).

setting_names=(description on guest processors memory outer_guest cpu devices swap timeout
	plan stock append manual needs vmbus reboots packages needless faults)

# What stands for a setting that a test leaves out
default_settings() {
	local name
	for name in "${setting_names[@]}"; do printf -v "$name" ''; done
	on=$all_kernels guest=busybox processors=1 memory=512 timeout=300 packages=deb needless=0 faults=0
}

# read_settings TEST: sets these variables. A shell of its own reads the file,
# which may have other variables for its own use.
read_settings() {
	local said
	[ -e "$vm/tests/$1/settings" ] || die "there is no test '$1': 'run -l' lists them"
	# shellcheck disable=SC1090 # one of tests/*/settings
	said=$(
		default_settings && . "$vm/tests/$1/settings" || exit
		for name in "${setting_names[@]}"; do printf '%s=%q\n' "$name" "${!name}"; done
	) || die "tests/$1/settings cannot be read"
	eval "$said"
	outer_guest=${outer_guest:-$processors}
	[ "$processors" = 1 ] || needs+=" SMP"
	[ -n "$plan" ] && [ -n "$description" ] || die "tests/$1/settings must set plan and description"
}
