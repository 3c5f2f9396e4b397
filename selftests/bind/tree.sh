# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck disable=SC2034
# Make a machine as a directory tree, for the tests of vmbus-bind and vmbusctl.
# Scripts source this file.

dir=$(dirname "$(readlink -f "$0")")
# shellcheck source=../kselftest/ktap_helpers.sh
command . "$dir/ktap_helpers.sh" || exit 1

fcopy=34d14be3-dee4-41c8-9ae7-6b174977c192
nic=f8615163-df3e-46c5-913f-f2d2f965ed0e
get=8dedd1aa-9056-49e4-bfd6-1bf90dc38ef0
pcie=44c4f61d-4444-4400-9d52-802e27ede19f
scsi=ba6163d9-04a1-4d29-b605-72e2ffb1dc7f
dev=eb765408-105f-49b6-b4aa-c123b64d17d4
third=11111111-2222-4333-8444-555555555555
dev2=b6650ff7-33bc-4840-8048-e0676786f393
alias=vmbus:e34bd134e4dec8419ae76b174977c192
vendor=usr/lib/hyperv-uio/bind.d
admin=etc/hyperv-uio/bind.d

# vmbus-bind warns about files that a group can write to.
umask 022
# vmbusctl waits for the disk when it writes a file, so the tests run in memory,
# unless TMPDIR says where, or no program may run in /dev/shm.
in_memory() {
	[ -z "${TMPDIR-}" ] && base=$(mktemp -d -p /dev/shm 2>/dev/null) || return
	ktap_can_run "$base" || { rm -r "$base" && return 1; }
}
in_memory || base=$(mktemp -d) || exit 1
trap 'rm -rf "$base"' EXIT
ktap_need_programs "$base"
n=0

# Make a fresh machine with VMBus, without devices, with a uio_hv_generic that
# can be loaded.
tree() {
	[ $n = 0 ] || rm -rf "${base:?}/$n"
	n=$((n + 1))
	root=$base/$n
	rm -rf "$root"
	export VMBUS_SYSROOT="$root"
	bus=$root/sys/bus/vmbus
	mkdir -p "$bus/devices" "$bus/drivers" "$root/sys/class/net" "$root/$vendor" "$root/$admin" \
		"$root/kernel/modules" "$root/kernel/alias" "$root/kernel/ids" "$root/kernel/probe" \
		"$root/kernel/net" "$root/run/udev/data" "$root/dev"
	: >"$bus/drivers_probe"
	: >"$root/kernel/modules/uio_hv_generic"
	: >"$root/kernel/log"
	cp "$dir/model" "$root/kernel/model"
}

# driver NAME [CLASS...]: load a driver with these classes
driver() {
	mkdir -p "$bus/drivers/$1"
	d=$1
	shift
	: >"$root/kernel/ids/$d"
	[ $# = 0 ] || printf '%s\n' "$@" >"$root/kernel/ids/$d"
	"$root/kernel/model" driver "$d"
}

# device INSTANCE CLASS [DRIVER]
device() {
	mkdir -p "$bus/devices/$1"
	printf '{%s}\n' "$1" >"$bus/devices/$1/device_id"
	printf '{%s}\n' "$2" >"$bus/devices/$1/class_id"
	echo "(null)" >"$bus/devices/$1/driver_override"
	echo "$alias" >"$bus/devices/$1/modalias"
	echo 0 >"$bus/devices/$1/state"
	[ -z "${3-}" ] || "$root/kernel/model" driver "$3" "$1"
}

# nic INSTANCE NAME NUMBER [DRIVER]: make a NIC, its interface and the MAC
# 00:15:5d:00:00:0NUMBER. Without DRIVER hv_netvsc has it, udev has named the
# interface, and it is down.
nic() {
	echo "$2 00:15:5d:00:00:0$3 $3" >"$root/kernel/net/$1"
	[ -d "$bus/drivers/hv_netvsc" ] || driver hv_netvsc $nic
	if [ "${4-hv_netvsc}" = none ]; then
		device "$1" $nic
		return
	fi
	device "$1" $nic "${4-hv_netvsc}"
	[ -n "${4-}" ] || : >"$root/run/udev/data/n$3"
}

# interface NAME [LOWER...]: make an interface that is down, such as a bond, and
# put it above others
interface() {
	mkdir -p "$root/sys/class/net/$1"
	echo 0x1002 >"$root/sys/class/net/$1/flags"
	upper=$1
	shift
	for lower in "$@"; do
		ln -s "../$upper" "$root/sys/class/net/$lower/upper_$upper"
		ln -s "../$lower" "$root/sys/class/net/$upper/lower_$lower"
	done
}

# virtual_function NAME NUMBER: make the PCI interface with the MAC of nic
# NUMBER
virtual_function() {
	interface "$1"
	mkdir -p "$root/sys/bus/pci/devices/$1" "$root/sys/class/net/$1/device"
	ln -s ../../../../bus/pci "$root/sys/class/net/$1/device/subsystem"
	echo "00:15:5d:00:00:0$2" >"$root/sys/class/net/$1/address"
}

# up NAME...: set interfaces up
up() {
	for i in "$@"; do
		echo "$i" >>"$root/kernel/up"
		echo 0x1003 >"$root/sys/class/net/$i/flags"
	done
}

# Make the machine as it is at boot: no interfaces, no drivers, and an empty
# /run.
boot() {
	rm -rf "$root/sys/class/net" "$root/run/hyperv-uio" "$root"/run/udev/data/*
	for d in "$bus"/devices/*; do
		rm -rf "$d/driver" "$d/net" "$d/host0" "$d/uio" "$d/uio_hv_generic"
		[ ! -e "$d/driver_override" ] || echo "(null)" >"$d/driver_override"
	done
	mkdir -p "$root/sys/class/net"
	: >"$root/kernel/log"
	: >"$root/kernel/up"
}

# conf FOLDER/NAME LINE...
conf() {
	f=$root/$1
	shift
	printf '%s\n' "$@" >"$f"
}

# vmbus_bind ARGUMENTS: run it; $out has the output, and $status the exit status
vmbus_bind() {
	status=0
	out=$("$dir/vmbus-bind-model" "$@" 2>&1) || status=$?
}

# vmbus_bind_does STATUS ARGUMENTS...: run it, and check the exit status
vmbus_bind_does() {
	want=$1
	shift
	vmbus_bind "$@"
	is "status of 'vmbus-bind $*'" $status "$want"
}

# before CALLS COMMAND: let the model run a command of the shell before each
# call that matches a pattern, such as load*
before() {
	echo "case \"\$*\" in $1) $2 ;; esac" >"$root/kernel/before"
}

# rescind_at WORD: let the host rescind all devices at a write to a path with
# this word
rescind_at() {
	before "write*$1*" "rm -rf '$bus/devices'/*; exit \$ENODEV"
}

# until_it_waits PID: wait until the process waits for a lock, or has ended
until_it_waits() {
	until grep -q -e "-> FLOCK .* $1 " /proc/locks || ! kill -0 "$1" 2>/dev/null; do sleep 0.1; done
}

# while_locked DEVICE COMMAND ARGUMENT...: run vmbus-bind with these arguments,
# and the command while vmbus-bind waits for the lock of the device; $out has
# the output of vmbus-bind
while_locked() {
	lock=$root/run/hyperv-uio/lock/device-$1 change=$2
	shift 2
	mkdir -p "${lock%/*}"
	exec 9>"$lock"
	flock 9
	"$dir/vmbus-bind-model" "$@" >"$base/output" 2>&1 9<&- &
	until_it_waits $!
	eval "$change"
	exec 9<&-
	wait $! || :
	out=$(cat "$base/output")
}

driver_of() {
	link=$(readlink "$bus/devices/$1/driver") || link=none
	echo "${link##*/}"
}

# taken ARGUMENT...: run vmbus-bind, which must bind the devices that are named
taken() {
	vmbus_bind_does 0 "$@"
	for d in "$@"; do
		case $d in -*) continue ;; esac
		is "driver of $d" "$(driver_of "$d")" uio_hv_generic
	done
}

# kept DRIVER DEVICE: run vmbus-bind, which must fail; the device keeps its
# driver, or gets it back
kept() {
	vmbus_bind_does 1 "$2"
	is "driver of $2" "$(driver_of "$2")" "$1"
}

# fail TEXT: end the test; the rules show which pass of a loop has failed
fail() {
	grep -H . "$root/$admin"/*.conf 2>/dev/null | sed "s|^$root|# |"
	echo "# $*"
	exit 1
}

# skip REASON: this machine cannot run the test
skip() {
	echo "$*" >"$base/reason"
	exit 4
}

is() { # WHAT HAVE WANT
	[ "$2" = "$3" ] || fail "$1 is '$2', not '$3'${out:+; output: $out}"
}

says() { # PATTERN
	case $out in
	*"$1"*) ;;
	*) fail "the output lacks '$1': $out" ;;
	esac
}

log_is() { # LINE...
	printf '%s\n' "$@" >"$root/kernel/want"
	diff -u "$root/kernel/want" "$root/kernel/log" | sed 's/^/# /'
	cmp -s "$root/kernel/want" "$root/kernel/log" || fail "the kernel was asked for something else"
}

log_is_empty() {
	[ ! -s "$root/kernel/log" ] || fail "the kernel was asked for: $(tr '\n' ';' <"$root/kernel/log")"
}

# run_tests [COMMAND]: run each function test_*, in the order of the file, each
# on a fresh machine, which the command changes first
run_tests() {
	prepare=${1:-:}
	tests=$(sed -n 's/^\(test_[a-z0-9_]*\)() {$/\1/p' "$0")
	ktap_print_header
	# shellcheck disable=SC2086 # words
	set -- $tests
	ktap_set_plan $#
	for t in "$@"; do
		tree
		out=
		(
			set -e
			"$prepare"
			"$t"
		)
		case $? in
		0) ktap_test_pass "${t#test_}" ;;
		4) ktap_test_skip "${t#test_}" "$(cat "$base/reason")" ;;
		*) ktap_test_fail "${t#test_}" ;;
		esac
	done
	ktap_finished
}
