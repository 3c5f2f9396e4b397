# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck disable=SC2012,SC2016,SC2154,SC3043
# Sourced by a test's guest.sh, inside the guest. Results and messages go to the
# host through a port of a virtio-serial device, which loses nothing.

# open_port: opens the port as descriptor 3, for this shell and all that it
# starts: the kernel lets only one process open it.
open_port() {
	local port
	modprobe -a virtio_pci virtio_console
	within 60 port_is_there || return
	port=$(grep -lx bench /sys/class/virtio-ports/*/name)
	port=${port%/name}
	exec 3<>"/dev/${port##*/}"
}

# The port has a name when it can be opened, which is after its file in /dev has
# appeared.
port_is_there() { grep -qx bench /sys/class/virtio-ports/*/name 2>/dev/null; }

# put LINE: to the host
put() { printf '%s\n' "$*" >&3; }

nap() { sleep 0.1 2>/dev/null || usleep 100000; }

say() { put "say $*"; }

# uptime_s: the guest's clock, in seconds
uptime_s() {
	local now
	read -r now </proc/uptime
	echo "${now%%.*}"
}

# hear WORDS: waits for the host's next line, which must be this one. A guest
# that still waits when its time is over says so (last_words).
hear() {
	local line
	echo "$*" >/tmp/waits-for
	read -r line <&3
	rm -f /tmp/waits-for
	[ "$line" = "$*" ] && return
	not_ok "the host says '$*'; it said '$line'"
	exit 1
}

note() { put "# guest: $*"; }

ok() { put "ok guest $*"; }
# The logs of a guest with a failure go to the console.
not_ok() {
	: >/tmp/not-ok
	put "not ok guest $*"
}

# check DESCRIPTION COMMAND...: one result
check() {
	local description="$1" status
	shift
	"$@" >/tmp/check.out 2>&1
	status=$?
	if [ $status = 0 ]; then
		ok "$description"
	else
		not_ok "$description"
		note "$* exited with $status"
		while read -r line; do note "  $line"; done </tmp/check.out
		return 1
	fi
}

# within SECONDS COMMAND...: true as soon as the command is
within() {
	local tries=$(($1 * 10))
	shift
	while ! "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		nap
	done
}

# by_clock SECONDS COMMAND: as within, but on a crowded machine each try may
# take a second
by_clock() {
	local end=$(($(uptime_s) + $1))
	shift
	until "$@"; do
		[ "$(uptime_s)" -lt $end ] || return 1
		nap
	done
}

over() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }
# waiting PID: what a process waits for
waiting() { echo "it waits in $(cat "/proc/$1/wchan"), system call $(cat "/proc/$1/syscall")"; }
# end_of PID SECONDS: the status of a child. One that has not ended by then is
# killed, and one that does not end then, either, is left alone.
end_of() {
	by_clock "$2" over "$1" || {
		note "process $1 has not ended within $2 s: $(waiting "$1")"
		kill -9 "$1"
		by_clock 60 over "$1" || {
			note "kill -9 does not end it: $(waiting "$1")"
			return 1
		}
	}
	wait "$1"
}

# A guest that is still there shortly before its time limit says what each of
# its processes waits for.
last_words() {
	local limit pid command
	limit=$(sed -n 's/.*bench\.limit=\([0-9]*\).*/\1/p' /proc/cmdline)
	sleep $((limit - 20 - ${spent:-0} - $(cut -d. -f1 /proc/uptime)))
	{
		echo "bench: the time limit is near; what runs, and what it waits for:"
		[ ! -e /tmp/waits-for ] || echo "bench: guest.sh waits until the host says '$(cat /tmp/waits-for)'"
		for pid in /proc/[0-9]*; do
			command=$(tr '\0' ' ' <"$pid/cmdline")
			[ -n "$command" ] || continue
			echo "${pid#/proc/} ${command}in $(cat "$pid/wchan"), system call $(cat "$pid/syscall")"
			cat "$pid/stack"
		done
		cat /proc/interrupts
		echo w >/proc/sysrq-trigger
		dmesg | tail -n 60
	} >/dev/ttyS0 2>&1
}

vmbus_device() {
	local device
	for device in /sys/bus/vmbus/devices/*; do
		[ "$(cat "$device/class_id" 2>/dev/null)" = "{$1}" ] && echo "$device" && return 0
	done
	return 1
}

# vmbus-bind binds what it finds: VMBus may not have made the device yet when
# its module is loaded.
bind_fcopy() { within 10 vmbus_device "$fcopy_class" && /usr/lib/udev/vmbus-bind --all; }

# bound CLASS: a UIO driver has the device of a class, whose folder is in
# $device from here on
bound() { device=$(vmbus_device "$1") && ls "$device"/uio/uio*/maps/map0 >/dev/null 2>&1; }
# rings COUNT: so many channels of $device have a ring file
rings() { [ "$(ls -d "$device"/channels/*/ring 2>/dev/null | wc -l)" = "$1" ]; }

# give_to DRIVER DEVICE...: gives them to this driver, which is loaded, from
# whatever driver they have; to the one that the kernel chooses if DRIVER is
# empty
give_to() {
	local driver="$1" device
	shift
	for device; do
		echo "$driver" >"$device/driver_override"
		[ ! -e "$device/driver" ] || echo "${device##*/}" >"$device/driver/unbind"
		echo "${device##*/}" >/sys/bus/vmbus/drivers_probe
	done
}
give_to_uio() { give_to uio_hv_generic "$@"; }

# An fcopy device and a NIC, $fcopy and $nic, of a test that has these two
bind_fcopy_and_nic() {
	check "both devices are offered" within 10 sh -c 'test "$(ls /sys/bus/vmbus/devices | wc -l)" -ge 2'
	fcopy=$(vmbus_device "$fcopy_class")
	nic=$(vmbus_device "$nic_class")
	modprobe uio_hv_generic
	give_to_uio "$fcopy" "$nic"
}

# relay COMMAND...: runs a program that prints results, messages for the host,
# and what went wrong, and passes them on
relay() {
	local line
	mkfifo /tmp/relay
	"$@" >/tmp/relay 2>&1 &
	while IFS= read -r line; do
		case $line in
		'ok '*) ok "${line#ok }" ;;
		'not ok '*) not_ok "${line#not ok }" ;;
		'say '*) say "${line#say }" ;;
		*) note "$line" ;;
		esac
	done </tmp/relay
	rm /tmp/relay
	check "${1##*/} has come to its end" wait $!
}

# driver INSTANCE: the driver that a device has, if any; of the device's folder,
# too
driver() { basename "$(readlink "/sys/bus/vmbus/devices/${1##*/}/driver")"; }
has_driver() { [ "$(driver "$1")" = "$2" ]; }

# The rest of these are for whole guests, which systemd boots.
journal() { journalctl -b --no-pager -o cat "$@" 2>/dev/null; }
fcopyd_runs() { [ "$(systemctl is-active hv-fcopyd)" = active ]; }
fcopyd_waits() { journal -u hv-fcopyd | grep -q '[Ww]aiting'; }
# fcopyd_at_once: hv-fcopyd opened the device that a start of its unit is about;
# it has not failed and was not started again
fcopyd_at_once() { [ "$(systemctl show -p NRestarts --value hv-fcopyd)" = 0 ] && [ -z "$(journal -u hv-fcopyd -p warning)" ]; }
# copy_arrives NAME: a file that the host's copy_asked sends, two results
copy_arrives() {
	check "$1: hv-fcopyd runs" within 30 fcopyd_runs
	say "copy $1"
	hear "copied $1"
	check "$1: a file arrives" test "$(stat -c %s "/srv/$1")" = 100000
}

# copy_arrives_at_boot: the same of boot $boot, after what must be true before
# it, six results
copy_arrives_at_boot() {
	check "boot $boot: hv-fcopyd waits for a copy" within 60 fcopyd_waits
	check "boot $boot: uio_hv_generic has the device" has_driver "$(vmbus_device "$fcopy_class")" uio_hv_generic
	check "boot $boot: the device was bound before hv-fcopyd started" fcopyd_at_once
	check "boot $boot: no unit has failed" test -z "$(systemctl --failed --no-legend --plain)"
	copy_arrives "file-$boot"
}

# restart: reboots a whole guest. Its agent then runs guest.sh anew, with $boot
# one higher. (A test needs reboots=1.) One result: the kernel log of this boot.
restart() {
	check_kernel_log
	echo "boot=$((boot + 1)) spent=$((spent + $(cut -d. -f1 /proc/uptime) + 5))" >"$bench/next"
	sync
	systemctl reboot
	sleep 1000
}

# The kernel log's lines that no test may cause, and what kmemleak found where
# the kernel has it.
kernel_complaints() {
	dmesg | grep -Ff "${complaints_file:-/bench/complaints}"
	if [ -w /sys/kernel/debug/kmemleak ]; then
		# Objects younger than five seconds are not reported, and one
		# scan may see a pointer in passing.
		sleep 6
		echo scan >/sys/kernel/debug/kmemleak
		echo scan >/sys/kernel/debug/kmemleak
		cat /sys/kernel/debug/kmemleak
	fi
}

check_kernel_log() {
	local complaints
	complaints=$(kernel_complaints)
	if [ -z "$complaints" ]; then
		ok "kernel log without complaints"
	else
		not_ok "kernel log without complaints"
		echo "$complaints" | while read -r line; do note "  $line"; done
		return 1
	fi
}
