#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check that the tools of systemd accept the unit of hv-fcopyd.
dir=$(dirname "$(readlink -f "$0")")
# shellcheck source=../kselftest/ktap_helpers.sh
command . "$dir/ktap_helpers.sh" || exit 1

ktap_print_header
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# find_file FILE...: print the first one that exists
find_file() {
	for file in "$@"; do
		[ -e "$file" ] && echo "$file" && return
	done
	return 1
}
unit=$(find_file "${HYPERV_UIO_BUILD:+$HYPERV_UIO_BUILD/daemons/fcopy/hv-fcopyd.service}" \
	/usr/lib/systemd/system/hv-fcopyd.service /lib/systemd/system/hv-fcopyd.service)

# silent DESCRIPTION: pass unless $work/out has a line
silent() {
	if [ -s "$work/out" ]; then
		while read -r line; do ktap_print_msg "$line"; done <"$work/out"
		ktap_test_fail "$1"
	else
		ktap_test_pass "$1"
	fi
}

# verify UNIT: print the complaints of systemd about the lines of a unit.
# systemd also complains about other units of the machine.
verify() {
	systemd-analyze verify "$1" 2>&1 | tee "$work/said" | grep -F "${1##*/}:" |
		grep -E 'Unknown|Failed to parse|Invalid|ignoring'
}

ktap_set_plan 3

# The unit scores 2.6 with systemd 252; a unit without any sandbox scores 10.
if [ -n "$unit" ] && systemd-analyze security --offline=true --threshold=100 "$unit" >/dev/null 2>&1; then
	if systemd-analyze security --offline=true --no-pager --threshold=30 "$unit" >"$work/out" 2>&1; then
		ktap_print_msg "$(tail -n 1 "$work/out")"
		ktap_test_pass "systemd-analyze security: at most 3.0"
	else
		ktap_print_msg "$(tail -n 1 "$work/out")"
		ktap_test_fail "systemd-analyze security: at most 3.0"
	fi
	verify "$unit" >"$work/out"
	# Without this, a systemd-analyze that cannot run would find nothing.
	mkdir "$work/planted" && { cat "$unit" && printf '[Service]\nNoSuchKey=1\n'; } >"$work/planted/${unit##*/}"
	verify "$work/planted/${unit##*/}" | grep -q NoSuchKey || {
		echo "it does not find an unknown key in a copy of the unit; it prints:"
		cat "$work/said"
	} >>"$work/out"
	silent "systemd-analyze verify: every line of the unit is known"
else
	ktap_test_skip "systemd-analyze security" "no unit of hv-fcopyd, or no systemd-analyze that reads a file: install hyperv-uio-fcopyd and systemd 250 or newer"
	ktap_test_skip "systemd-analyze verify" "as above"
fi

# These are the system calls of the program, the C library and libsystemd, also
# during the start. Older versions of systemd have fewer calls in @default: 247
# lacks arch_prctl, getrandom, mprotect and mremap.
needed="access arch_prctl brk capget clone clone3 clock_gettime clock_nanosleep close connect epoll_create1 epoll_ctl epoll_pwait
	epoll_wait eventfd2 execve exit exit_group faccessat faccessat2 fallocate fchmod fchownat fcntl fgetxattr flock fremovexattr
	fsetxattr fstat fstatfs fsync futex getdents64 getegid geteuid getgroups getpid getrandom getxattr getsockopt ioctl linkat lseek
	madvise memfd_create mkdir mkdirat mmap mprotect mremap munmap newfstatat openat poll ppoll prctl pread64
	prlimit64 pwrite64 read readlink readlinkat recvmsg renameat renameat2 restart_syscall rseq rt_sigaction
	rt_sigprocmask rt_sigreturn sched_getaffinity sendmsg sendto set_robust_list set_tid_address setfsgid setfsuid setgroups setsockopt
	signalfd4 socket statfs statx symlinkat sync_file_range tgkill timerfd_create timerfd_settime umask uname
	unlinkat write"

# expand NAME...: print each call, and those of each @group
expand() {
	for call in "$@"; do
		case $call in
		@*)
			# shellcheck disable=SC2046 # calls, to be split
			expand $(systemd-analyze syscall-filter "$call" | sed -n 's/^ *\([@a-z_][a-z0-9_-]*\)$/\1/p' |
				grep -vxF "$call")
			;;
		*) echo "$call" ;;
		esac
	done
}

if [ -n "$unit" ] && systemd-analyze syscall-filter @default >/dev/null 2>&1; then
	# shellcheck disable=SC2046 # groups and calls, to be split
	expand $(sed -n 's/^SystemCallFilter=~//p' "$unit") | sort -u >"$work/denied"
	# shellcheck disable=SC2046 # groups and calls, to be split
	expand @default $(sed -n 's/^SystemCallFilter=\([@a-z].*\)/\1/p' "$unit") | sort -u |
		comm -23 - "$work/denied" >"$work/allowed"
	for call in $needed; do
		grep -qx "$call" "$work/allowed" || echo "$call is not in SystemCallFilter="
	done >"$work/out"
	silent "the filter has every system call of the daemon"
else
	ktap_test_skip "the filter has every system call of the daemon" "no unit of hv-fcopyd, or no systemd-analyze: install hyperv-uio-fcopyd and systemd"
fi

ktap_finished
