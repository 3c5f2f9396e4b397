#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Test uio_hv_generic with a device that the host offers, but without the host's
# help. This runs as root in any VM on Hyper-V. find_device.sh describes the
# environment variables that choose the device. The device must be bound, and no
# program may use it meanwhile, so this keeps hv-fcopyd from running. The test
# is skipped, with the reason, if there is no such device.
# shellcheck disable=SC2154,SC2317 # variables are those of find_device.sh; tests are called by name
cd "$(dirname "$0")" || exit 1
# shellcheck source=../kselftest/ktap_helpers.sh
command . ./ktap_helpers.sh || exit 1

# shellcheck source=find_device.sh
command . ./find_device.sh || exit 1
export LC_ALL=C

skip() {
	ktap_print_header
	ktap_skip_all "$*"
	exit "$KSFT_SKIP"
}

[ "$(id -u)" = 0 ] || skip "run this as root"
find_device
# The programs use this device, and not another one of its class.
export VMBUS_INSTANCE="${device##*/}"

files=$device/uio_hv_generic
file() { cat "$files/$1"; }

tmp=$(mktemp -d) || skip "no folder for temporary files"
said=$tmp/said
# Some shells run a trap with the output of the command that it interrupts.
exec 3>&2
masked='' was_active='' holder=''
ring_size=$(file ring_size)
# warn WORDS: report what cannot be restored
warn() { echo "device.sh: $*" >&2; }
# restore: undo every change to this machine
restore() {
	trap '' HUP INT PIPE QUIT TERM
	exec 2>&3
	# A process in the background ignores Ctrl-C.
	[ -z "$holder" ] || { kill -9 "$holder" && wait "$holder"; } 2>/dev/null
	if [ -d "$device" ] && [ ! -e "$device/driver" ]; then
		echo "$VMBUS_INSTANCE" >"$driver/bind" || warn "$VMBUS_INSTANCE was bound to uio_hv_generic, and cannot be bound again"
	fi
	if [ -e "$files/ring_size" ] && [ "$(file ring_size)" != "$ring_size" ]; then
		echo "$ring_size" >"$files/ring_size" || warn "$VMBUS_INSTANCE had rings of $ring_size bytes, and now has $(file ring_size)"
	fi
	if [ -n "$masked" ]; then
		# The systemctl of RHEL 8 refuses "unmask --runtime".
		mask=/run/systemd/system/hv-fcopyd.service
		[ "$(readlink $mask)" != /dev/null ] || rm $mask || warn "hv-fcopyd was not masked, and $mask cannot be removed"
		systemctl daemon-reload >/dev/null 2>&1
		[ -z "$was_active" ] || systemctl start hv-fcopyd >&2 || warn "hv-fcopyd ran before, and does not start again"
	fi
	rm -r "$tmp"
}
trap restore EXIT
if [ "$class" = "$fcopy_class" ] && systemctl cat hv-fcopyd >/dev/null 2>&1; then
	# "activating" is a daemon that died a moment ago and will restart.
	case $(systemctl is-active hv-fcopyd) in
	active | activating | reloading) was_active=1 ;;
	esac
	case $(systemctl is-enabled hv-fcopyd 2>/dev/null) in
	masked*) ;;
	*)
		# Even a mask that fails may have begun.
		masked=1
		systemctl mask --runtime --now hv-fcopyd >/dev/null 2>&1
		;;
	esac
fi

[ "$(file state)" = closed ] || skip "${device##*/} is in use: its state is $(file state); end the program that has /dev/uioN open"
node() { set -- "$device"/uio/uio*; echo "/dev/${1##*/}"; }
map_size() { echo $(($(cat "$device"/uio/uio*/maps/map0/size))); }
ring() { set -- "$device"/channels/*/ring; echo "$1"; }

# result DESCRIPTION COMMAND...: print a result, and the output of the command
# if it fails
result() {
	description=$1
	shift
	if "$@" >"$said" 2>&1; then
		ktap_test_pass "$description"
	else
		while read -r line; do ktap_print_msg "$line"; done <"$said"
		ktap_test_fail "$description"
	fi
}

# limited SECONDS COMMAND...: run a program, and end it after this time. The
# shell runs no trap while it waits for the program. --foreground leaves the
# program in the process group of this script, which may get a signal. The
# timeout of busybox has no such option and always does that.
foreground=''
! timeout --foreground 1 true 2>/dev/null || foreground=--foreground
limited() {
	timeout ${foreground:+"$foreground"} -k 10 "$@"
	ended=$?
	case $ended in
	124 | 137 | 143) echo "$2 has not ended within $1 seconds" ;;
	esac
	return "$ended"
}

# refused REASON SIZE: check that writing this ring size fails with this error
# and changes nothing
refused() {
	before=$(file ring_size)
	# In some shells echo does not print its error, and some versions of tee
	# do not, either.
	if echo "$2" | dd of="$files/ring_size" 2>"$tmp/error"; then
		echo "'$2' was taken"
		return 1
	fi
	cat "$tmp/error"
	grep -qi "$1" "$tmp/error" && [ "$(file ring_size)" = "$before" ]
}

opened_often() { limited 300 ./open_close "$class" 1000 && [ "$(file state)" = closed ]; }
resized() {
	echo "$other" >"$files/ring_size" && [ "$(map_size)" = $((other * 2)) ] &&
		[ "$(stat -c %s "$(ring)")" = $((other * 2)) ] && limited 60 ./open_close "$class" 1
}
# preferred: print the ring size that the driver prefers for the class
preferred() { awk -v class="$class" '$1 == class || $1 == "other" { print $2; exit }' "$driver"/ring_size; }
by_default() { echo default >"$files/ring_size" && [ "$(file ring_size)" = "$(preferred)" ]; }
open_state() { (exec 5<>"$(node)" && [ "$(file state)" = open ]) && [ "$(file state)" = closed ]; }
busy() { (exec 5<>"$(node)" && refused busy "$other"); }
held() {
	# The shell would empty the file only in the background, and leave the
	# words of the program before to grep.
	: >"$tmp/hold"
	./hold_map "$class" "$1" >>"$tmp/hold" 2>&1 3>&- &
	holder=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		grep -q ready "$tmp/hold" && break
		sleep 1
	done
	refused busy "$other"
	status=$?
	kill "$holder"
	wait "$holder" || status=1
	holder=''
	return "$status"
}
in_parts() { (exec 5<>"$(node)" && ./uio_split "$1" "$2" "$(cat "$device"/uio/uio*/maps/map0/size)"); }
untainted() { [ "$(cat /proc/sys/kernel/tainted)" = "$tainted" ]; }

tainted=$(cat /proc/sys/kernel/tainted)
ktap_print_header
ktap_set_plan 16
result "1000 opens and closes" opened_often
result "its state is open, and closed afterwards" open_state
by_default
size=$(file ring_size)
# Choose another size that rings can have: it is two pages or more, also if a
# page has 64 KiB.
other=131072
[ $other != "$size" ] || other=$((other * 2))
result "rings of another size" resized
result "and of the default size" by_default
result "no rings that are no pages" refused 'invalid argument' $((size + 1))
result "no rings that are too large" refused 'invalid argument' 1073741824
result "no rings for a device that is open" busy
result "nor for one that is mapped" held uio
result "nor for one whose ring file is mapped" held ring
result "but afterwards" resized
result "the rings, mapped in parts" in_parts cuts "$(node)"
result "the ring file, mapped in parts" in_parts cuts "$(ring)"
result "the rings, made writable by mprotect" in_parts upgrade "$(node)"
result "unbound while open and mapped, bound and opened again, 3 times" limited 120 ./unbind_open "$class" 1 3
result "opened as before" limited 60 ./open_close "$class" 1
complaints="the kernel has nothing to complain about"
# An Oops and a WARN set these bits. A later one would change nothing.
if [ $((tainted & (1 << 7 | 1 << 9))) = 0 ]; then
	result "$complaints" untainted
else
	ktap_test_skip "$complaints" "it has complained before this test: reboot, and run the test again"
fi
ktap_finished
