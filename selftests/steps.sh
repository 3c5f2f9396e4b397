# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034
# Sourced by check and demo: numbered steps with times, a log for each, and on
# failure the step and its log last.

step_number=0
step_started=$SECONDS
all_started=$SECONDS

step() {
	step_number=$((step_number + 1))
	step_started=$SECONDS
	printf '%2d  [%4d s] %s\n' $step_number $((SECONDS - all_started)) "$*"
}
