# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck disable=SC2034 # for the rounds
third=primary-first
. ./rounds.sh
