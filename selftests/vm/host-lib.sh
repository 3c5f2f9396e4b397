# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# Sourced by a test's host.sh, which plays the Hyper-V host beside the running guest (busybox sh or dash).

ok() { printf 'ok host %s\n' "$*" >>"$results"; }
not_ok() { printf 'not ok host %s\n' "$*" >>"$results"; }
note() { printf '# host: %s\n' "$*" >>"$results"; }

check() {
	description=$1
	shift
	"$@" >check.out 2>&1
	status=$?
	if [ $status = 0 ]; then
		ok "$description"
	else
		not_ok "$description"
		note "$* exited with $status"
		while read -r line; do note "  $line"; done <check.out
		return 1
	fi
}

# tell WORDS: a line that the guest's `hear` waits for
tell() { printf '%s\n' "$*" >ctl.in; }

# guest_says PATTERN [SECONDS]: waits for a `say` line that the pattern (grep -E) matches; prints what followed `say`
guest_says() {
	tries=$((${2:-30} * 10))
	while ! grep -E "^say $1" ctl.log >/dev/null 2>&1; do
		tries=$((tries - 1))
		if [ $tries -le 0 ] || ! kill -0 "$guest_pid" 2>/dev/null; then
			note "the guest did not say '$1'"
			return 1
		fi
		sleep 0.1
	done
	grep -E "^say $1" ctl.log | tail -n 1 | sed 's/^say //'
}

# The two programs that play the host side of a device: DEVICE is its name in the test's settings.
vmbus_host() {
	device=$1
	shift
	"$bin/vmbus-host" "$device.sock" "$@"
}

copy_vmfile() {
	device=$1
	shift
	"$bin/copy-vmfile" "$device.sock" "$@"
}
