#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The rules files as udev reads them.
dir=$(dirname "$(readlink -f "$0")")
. "$dir/../kselftest/ktap_helpers.sh"

ktap_print_header
if ! udevadm verify --help >/dev/null 2>&1; then
	ktap_skip_all "no udevadm with 'verify' (systemd 254)"
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
