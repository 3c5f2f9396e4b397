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

# tell WORDS: a line that the guest's `hear` waits for; said again until it is heard, as a serial port may lose bytes
tell() {
	printf '%s\n' "$*" >ctl.in
	(
		while sleep 5 && kill -0 "$guest_pid" 2>/dev/null && ! grep -qxF "heard $*" ctl.log; do
			printf '\n%s\n' "$*" >ctl.in
		done
	) &
}

# What the guest has said in whole lines; the serial port is slow, and the last one may not be.
guest_lines() { while IFS= read -r line; do printf '%s\n' "$line"; done <ctl.log; }

# guest_says PATTERN [SECONDS]: waits for a `say` line that the pattern (grep -E) matches; prints what followed `say`
guest_says() {
	tries=$((${2:-120} * 5))
	while ! guest_lines | grep -E "^say $1" >said; do
		tries=$((tries - 1))
		if [ $tries -le 0 ] || ! kill -0 "$guest_pid" 2>/dev/null; then
			note "the guest did not say '$1'"
			return 1
		fi
		sleep 0.2
	done
	tail -n 1 said | sed 's/^say //'
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
