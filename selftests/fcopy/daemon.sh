#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Test hv-fcopyd as a program: its options, and its behaviour on a machine
# without the device.
dir=$(dirname "$(readlink -f "$0")")
# shellcheck source=../kselftest/ktap_helpers.sh
command . "$dir/ktap_helpers.sh" || exit 1

# Use the program of the build directory, or else the installed one.
fcopyd=${HYPERV_UIO_BUILD:+$HYPERV_UIO_BUILD/daemons/hv-fcopyd}
[ -n "$fcopyd" ] || fcopyd=$(PATH=$PATH:/usr/local/sbin:/usr/sbin command -v hv-fcopyd)
if [ ! -x "$fcopyd" ]; then
	ktap_print_header
	ktap_skip_all "there is no hv-fcopyd: install hyperv-uio-fcopyd, or build it and set HYPERV_UIO_BUILD to the build folder"
	exit "$KSFT_SKIP"
fi
LD_LIBRARY_PATH=${HYPERV_UIO_BUILD:+$HYPERV_UIO_BUILD/lib:}${LD_LIBRARY_PATH:-}
export LD_LIBRARY_PATH

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
ktap_need_programs "$work"
# AppArmor confines the installed program, which may not read the files of this
# test. A copy has no profile.
cp "$fcopyd" "$work/hv-fcopyd" || exit 1
fcopyd=$work/hv-fcopyd
ktap_print_header
fcopy=34d14be3-dee4-41c8-9ae7-6b174977c192
instance=eb765408-105f-49b6-b4aa-c123b64d17d4

conf=$work/fcopyd.conf
: >"$conf"

# Use a separate sysfs, so that the daemon opens no real device.
VMBUS_SYSROOT=$work
export VMBUS_SYSROOT

# run OPTIONS...: run hv-fcopyd with a directory of its own, and set status and
# out
run() {
	out=$("$fcopyd" --state-dir="$work/state" --config="$conf" "$@" 2>&1)
	status=$?
}

# is_status WANTED [TEXT]
is_status() {
	if [ "$status" != "$1" ]; then
		ktap_print_msg "exit status $status, expected $1: $out"
		return 1
	fi
	case $out in
	*"${2-}"*) return 0 ;;
	esac
	ktap_print_msg "'$out' has no '$2'"
	return 1
}

# result DESCRIPTION: report the result of the last command
result() {
	if [ $? = 0 ]; then
		ktap_test_pass "$1"
	else
		ktap_test_fail "$1"
	fi
}

# says DESCRIPTION WANTED TEXT [OPTIONS...]: run hv-fcopyd, and report whether
# it ends with this status and says this
says() {
	description=$1 wanted=$2 text=$3
	shift 3
	run "$@"
	is_status "$wanted" "$text"
	result "$description"
}

device() { # [DRIVER]
	mkdir -p "$work/sys/bus/vmbus/devices/$instance" "$work/dev"
	echo "{$fcopy}" >"$work/sys/bus/vmbus/devices/$instance/class_id"
	echo "{$instance}" >"$work/sys/bus/vmbus/devices/$instance/device_id"
}

ktap_set_plan 21

says "help" 0 "usage: hv-fcopyd" --help
says "version" 0 "hv-fcopyd " --version
says "unknown option" 64 "usage: hv-fcopyd" --nonsense
says "unknown argument" 64 "leftover: no such argument" leftover
says "unknown class" 64 "--class=nonsense: neither a GUID nor a known name" --class=nonsense
says "device that is no GUID" 64 "--device=nonsense: not a GUID" --device=nonsense
says "class and device" 64 "mutually exclusive" --class=fcopy --device=$instance
says "option with an empty value" 64 "--config= needs a value" --config=
says "two checks at once" 64 "mutually exclusive" --check-config --check-path=/srv/file
says "option of a check without the check" 64 "need --check-path" --create

printf '[%s]\n' "$work" >"$conf"
: >"$work/old"
run --check-path="$work/new/" --create --name=source
is_status 0 "missing: new (would be created)" && is_status 0 "file: source" && [ ! -e "$work/new" ]
result "check of a path that the copy would create"

run --check-path="$work/old"
is_status 1 "result: refused" && run --check-path="$work/old" --force && is_status 0 "replace what is there"
result "check of a path that exists, without and with --force"

printf '[/srv]\nmax-size=1M\n' >"$conf"
run --check-config
is_status 0 "[/srv]" && is_status 0 "max-size=1048576"
result "check of a good configuration prints what it comes to"

printf '[/]\nmax-size=huge\ncolour=blue\n' >"$conf"
run --check-config
is_status 78 "$conf:2: max-size must be" && is_status 78 "$conf:3: unknown key 'colour'"
result "check of a bad configuration names line and reason"

says "bad configuration: no start" 78 "$conf:2: max-size must be"
rm "$conf"
says "configuration that was asked for is missing" 78 "$conf: No such file"

: >"$conf"
run
is_status 69 "no VMBus" && ! is_status 69 "Guest Service" >/dev/null && [ "$(echo "$out" | wc -l)" = 1 ]
result "no VMBus: one line, which blames no host"

mkdir -p "$work/sys/bus/vmbus/devices"
run
is_status 69 "Guest Service Interface" && [ "$(echo "$out" | wc -l)" = 1 ]
result "no device: one line"

device
run
is_status 69 "uio_hv_generic" && [ "$(echo "$out" | wc -l)" = 1 ]
result "device that is not bound: one line"

# A daemon locks its state directory.
exec 9<"$work/state" && flock 9
says "a second daemon ends" 75 "$work/state is in use: another hv-fcopyd is running"
exec 9<&-

# After a kill during a copy, the next start removes what the journal names,
# with and without the device.
mkdir -p "$work/to"
: >"$work/to/.hv-fcopyd.0123456789abcdef"
: >"$work/to/file"
ln -s "file:$(stat -c %i "$work/to"):0:$(readlink -f "$work/to")" "$work/state/.hv-fcopyd.0123456789abcdef"
run
is_status 69 "which an interrupted copy left" && [ "$(ls -A "$work/to")" = file ] && [ -z "$(ls -A "$work/state")" ]
result "start removes what a crash left"

ktap_finished
