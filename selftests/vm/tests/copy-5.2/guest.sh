# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
check "the kernel and the host have agreed on VMBus 5.2" sh -c "dmesg | grep 'Vmbus version:5\.2'"
# It is the guest.sh of the test copy.
# shellcheck disable=SC1091
. /test/copy.sh
