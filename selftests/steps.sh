# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034
# check and demo source this file, which prints numbered steps with their times.

step_number=0
step_started=$SECONDS
all_started=$SECONDS

step() {
	step_number=$((step_number + 1))
	step_started=$SECONDS
	printf '%2d  [%4d s] %s\n' $step_number $((SECONDS - all_started)) "$*"
}
