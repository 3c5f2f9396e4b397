# SPDX-License-Identifier: GPL-2.0-only
mkdir /tmp/selftests
cd /tmp/selftests || exit
check "hv-fcopyd runs" within 60 fcopyd_runs
relay /usr/libexec/hyperv-uio/selftests/run_kselftest.sh -s -o 3600
# Show which tests were skipped, and what those that failed have printed before.
grep '^# .*SKIP' output.log | while read -r line; do note "$line"; done
grep -B 8 '^# not ok' output.log | grep -v '^# ok' | while read -r line; do note "$line"; done
check "hv-fcopyd runs as before" within 60 fcopyd_runs
check "no unit has failed" no_unit_failed
cd /run/bench || exit
