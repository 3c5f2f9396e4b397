#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check that udev can read the rules files.
dir=$(dirname "$(readlink -f "$0")")
# shellcheck source=../kselftest/ktap_helpers.sh
. "$dir/ktap_helpers.sh"

ktap_print_header
if ! udevadm verify --help >/dev/null 2>&1; then
	ktap_skip_all "udevadm has no 'verify': run this with systemd 254 or newer"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 2
for rules in 60-hyperv-uio.rules 61-hv-fcopyd.rules; do
	if out=$(udevadm verify "$dir/$rules" 2>&1); then
		ktap_test_pass "$rules"
	else
		echo "$out" | sed 's/^/# /'
		ktap_test_fail "$rules"
	fi
done
ktap_finished
