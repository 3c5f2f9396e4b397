# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck disable=SC2034 # copy.sh uses it
agreed=5.2
# It is the guest.sh of the test copy.
# shellcheck disable=SC1091
. /test/copy.sh
