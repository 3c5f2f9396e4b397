# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck disable=SC2012,SC2016,SC2154,SC3043
# The guest.sh of each test sources this file inside the guest. Results and
# messages go to the host through a port of a virtio-serial device, which loses
# nothing.

# open_port: open the port as descriptor 3, for this shell and all processes
# that it starts. The kernel lets only one process open the port.
open_port() {
	local port
	modprobe -a virtio_pci virtio_console
	within 60 port_is_there || return
	port=$(grep -lx bench /sys/class/virtio-ports/*/name)
	port=${port%/name}
	exec 3<>"/dev/${port##*/}"
}

# port_is_there: whether the port can be opened, which is the case when it has a
# name. Its file appears in /dev before that.
port_is_there() { grep -qx bench /sys/class/virtio-ports/*/name 2>/dev/null; }

# The size of a page of the guest's kernel
page=$(awk '/^KernelPageSize/ { print $2 * 1024; exit }' /proc/self/smaps)
# by_page SMALL MEDIUM LARGE: print the value for pages of 4, 16 or 64 KiB
by_page() {
	case $page in
	4096) echo "$1" ;;
	16384) echo "$2" ;;
	65536) echo "$3" ;;
	esac
}

# put LINE: send a line to the host
put() { printf '%s\n' "$*" >&3; }

nap() { sleep 0.1 2>/dev/null || usleep 100000; }

say() { put "say $*"; }

# uptime_s: print the uptime of the guest in seconds
uptime_s() {
	local now
	read -r now </proc/uptime
	echo "${now%%.*}"
}

# hear WORDS: wait for the host's next line, which must be this one. A guest
# that is still waiting at its time limit reports that (last_words).
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
# not_ok DESCRIPTION: print a failed result. A guest with a failure prints its
# logs to the console at the end.
not_ok() {
	: >/tmp/not-ok
	put "not ok guest $*"
}

# check DESCRIPTION COMMAND...: print one result
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

centiseconds() { awk '{ print int($1 * 100) }' /proc/uptime; }
# lasts MIN MAX COMMAND...: check that the command succeeds and takes MIN to MAX
# centiseconds
lasts() {
	local min="$1" max="$2" start
	shift 2
	start=$(centiseconds)
	"$@" || return
	start=$(($(centiseconds) - start))
	echo "$start"
	[ "$start" -ge "$min" ] && [ "$start" -le "$max" ]
}

# within SECONDS COMMAND...: succeed as soon as the command does
within() {
	local tries=$(($1 * 10))
	shift
	while ! "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		nap
	done
}

# in_background LOG COMMAND...: run a command in the background as $!, with all
# that it prints in a log. The log is emptied here, because the shell would do
# it in the background, too late for a reader who waits for a line that an
# earlier command has also printed.
in_background() {
	local log="$1"
	shift
	: >"$log"
	"$@" >>"$log" 2>&1 &
}

# by_clock SECONDS COMMAND: do as within, but measure the time with the clock,
# because on a busy machine each try may take a second
by_clock() {
	local end=$(($(uptime_s) + $1))
	shift
	until "$@"; do
		[ "$(uptime_s)" -lt $end ] || return 1
		nap
	done
}

over() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }
# waiting PID: print what a process waits for
waiting() { echo "it waits in $(cat "/proc/$1/wchan"), system call $(cat "/proc/$1/syscall")"; }
# fcopyd_again ARGUMENT...: run hv-fcopyd in the background, and start it again
# when it has ended, as systemd does. SIGTERM ends both.
fcopyd_again() {
	local status=0 over=''
	trap 'over=1; kill $daemon' TERM
	while [ $status = 0 ] && [ -z "$over" ]; do
		hv-fcopyd "$@" &
		daemon=$!
		wait $daemon
		status=$?
		# The signal has ended only the wait.
		[ -z "$over" ] || { wait $daemon; status=$?; }
	done
	return $status
}
# end_of PID SECONDS: return the status of a child. Kill a child that has not
# ended by then, and leave it alone if it still does not end.
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

# last_words: shortly before the time limit, print what each process waits for
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
	} >/dev/console 2>&1
}

# offered_vmbus: print the newest version of VMBus that the host of the bench
# offers. agreed_vmbus: print the one that the kernel has agreed on.
offered_vmbus() { sed -n 's/.*bench\.vmbus=\([0-9.]*\).*/\1/p' /proc/cmdline; }
agreed_vmbus() { dmesg | sed -n 's/.*Vmbus version:\([0-9.]*\).*/\1/p' | tail -n 1; }
# newest_vmbus: print the newest version that the host and this kernel both
# know. Linux knows 5.2 since 5.5, 5.3 since 5.13 and 6.0 since 6.19.
newest_vmbus() {
	uname -r | awk -F '[.-]' -v offered="$(offered_vmbus)" '{
		v = $1 * 1000 + $2
		known = v < 5005 ? "5.0" : v < 5013 ? "5.2" : v < 6019 ? "5.3" : "6.0"
		print offered + 0 < known + 0 ? offered : known
	}'
}
# check_vmbus: print a failed result if the kernel and the host have agreed on
# an older version of VMBus than the newest that both know. The kernel of a
# distribution may know a newer one than its number says. In a whole Debian,
# udev may still be loading hv_vmbus.
check_vmbus() {
	local least offered agreed
	within 60 sh -c "dmesg | grep -q 'Vmbus version:'"
	offered=$(offered_vmbus) agreed=$(agreed_vmbus) least=$(newest_vmbus)
	awk -v least="$least" -v agreed="${agreed:-0}" -v offered="$offered" 'BEGIN { exit !(least <= agreed && agreed <= offered) }' ||
		not_ok "the kernel and the host agree on VMBus $least, they have agreed on ${agreed:-none}"
}

# The programs of selftests/uio in a guest, and the module's directory in sysfs
# shellcheck disable=SC2034 # for tests
programs=/usr/libexec/hyperv-uio/selftests/uio
driver=/sys/bus/vmbus/drivers/uio_hv_generic

vmbus_device() {
	local device
	for device in /sys/bus/vmbus/devices/*; do
		[ "$(cat "$device/class_id" 2>/dev/null)" = "{$1}" ] && echo "$device" && return 0
	done
	return 1
}

# bind_fcopy: check in one result that vmbus-bind binds the file copy device by
# its rule, and takes it over from hv_utils before Linux 6.10. vmbus-bind binds
# only devices that exist, and VMBus may add the device after its module was
# loaded.
bind_fcopy() {
	modprobe hv_utils
	check "vmbus-bind binds the file copy device" fcopy_by_rule
}
fcopy_by_rule() { within 10 vmbus_device "$fcopy_class" && /usr/lib/udev/vmbus-bind --all; }
# stop_fcopyd: check in one result that hv-fcopyd, the process $daemon, ends on
# SIGTERM without an error
stop_fcopyd() {
	kill "$daemon"
	check "hv-fcopyd ends on SIGTERM" wait "$daemon"
}

# bound CLASS: whether a UIO driver has the device of a class; sets $device to
# the directory of the device
bound() { device=$(vmbus_device "$1") && ls "$device"/uio/uio*/maps/map0 >/dev/null 2>&1; }
# bind_class CLASS...: load the module, and check in one result for each class
# that it binds the device of this class; $device is that of the last one
bind_class() {
	local uuid
	modprobe uio_hv_generic
	for uuid; do
		echo "$uuid" >"$driver/new_id"
		check "the device of class $uuid is bound" within 10 bound "$uuid"
	done
}
# keep_open: start a process, $pid, that has $device open until close_it
keep_open() {
	rm -f /tmp/close
	(
		exec 5<>"/dev/$(ls "$device/uio")"
		until [ -e /tmp/close ]; do nap; done
		exec 5>&-
	) &
	pid=$!
}
close_it() { : >/tmp/close; }
# start_echo [OPTION...] CLASS: run the echo program for the host on this device
# in the background, as $pid
start_echo() {
	in_background /tmp/echo.log "$programs/vmbus_echo" "$@"
	pid=$!
}
# echoed: whether this program has ended because the host asked it to, and has
# seen no bad message
echoed() { tail -n 1 /tmp/echo.log && grep -q '^end quit .* bad 0$' /tmp/echo.log; }

# rings COUNT: whether COUNT channels of $device have a ring file
rings() { [ "$(ls -d "$device"/channels/*/ring 2>/dev/null | wc -l)" = "$1" ]; }

# give_to_uio DEVICE...: bind the devices to uio_hv_generic, whatever driver
# they have now
give_to_uio() {
	local device
	for device; do
		echo uio_hv_generic >"$device/driver_override"
		[ ! -e "$device/driver" ] || echo "${device##*/}" >"$device/driver/unbind"
		echo "${device##*/}" >/sys/bus/vmbus/drivers_probe
	done
}

# bind_fcopy_and_nic: bind both devices of a test that has them, and set $fcopy
# and $nic to their directories
bind_fcopy_and_nic() {
	check "both devices are offered" within 10 sh -c 'test "$(ls /sys/bus/vmbus/devices | wc -l)" -ge 2'
	fcopy=$(vmbus_device "$fcopy_class")
	nic=$(vmbus_device "$nic_class")
	modprobe uio_hv_generic
	give_to_uio "$fcopy" "$nic"
}

# relay COMMAND...: run a program that prints results, messages for the host and
# errors, and pass them on
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

# driver INSTANCE: print the driver of a device, if any. The argument may also
# be the directory of the device.
driver() { basename "$(readlink "/sys/bus/vmbus/devices/${1##*/}/driver")"; }
has_driver() { [ "$(driver "$1")" = "$2" ]; }

# The following functions are for whole guests, which systemd boots.

# takes_fcopy MODULE: whether this module, a name or a file, takes the file copy
# device by its alias
takes_fcopy() { modinfo -F alias "$1" | grep -q e34bd134e4dec8419ae76b174977c192; }
# hv_utils_takes_fcopy: whether the kernel's own driver of the file copy device
# is hv_utils, as before Linux 6.10
hv_utils_takes_fcopy() { takes_fcopy hv_utils; }
# stock_fcopy_driver: print the driver that the file copy device has without us.
# It has none from 6.10 until the kernel's own uio_hv_generic takes it, from 7.2
# and in 6.12 from 6.12.101. Debian 13's dkms has moved that module.
stock_fcopy_driver() {
	local own
	if hv_utils_takes_fcopy; then
		echo hv_utils
	else
		own=$(find "/lib/modules/$(uname -r)/kernel" "/var/lib/dkms/uio_hv_generic/original_module/$(uname -r)" \
			-name 'uio_hv_generic.ko*' ! -name '*.origin' 2>/dev/null)
		! takes_fcopy "$own" || echo uio_hv_generic
	fi
}
# own_module: whether modprobe finds the kernel's own module where the kernel's
# package put it. dkms may have moved it.
own_module() {
	modinfo -n uio_hv_generic
	modinfo -n uio_hv_generic | grep -q "/lib/modules/$(uname -r)/kernel/" && [ ! -e /var/lib/dkms/uio_hv_generic ]
}
# ours_for RELEASE VERSION: whether modprobe finds this version of our module
# for this kernel, and the module was built for this kernel
ours_for() {
	modinfo -k "$1" uio_hv_generic
	[ "$(modinfo -k "$1" -F version uio_hv_generic)" = "1:$2" ] && modinfo -k "$1" -F vermagic uio_hv_generic | grep -q "^$1 "
}
# none_for RELEASE...: whether these kernels are installed, and modprobe finds
# no module of ours for them
none_for() {
	local release
	for release; do
		[ -d "/lib/modules/$release/kernel" ] && ! modinfo -k "$release" -F version uio_hv_generic 2>/dev/null | grep '^1:' || return
	done
}
# left: list files with a name of the project, except logs and the test itself
left() {
	find / -xdev \( -path /proc -o -path /sys -o -path /run/bench -o -path /var/log -o -path /srv -o -path /var/lib/bench \
		-o -path /var/lib/dnf -o -path /var/cache/dnf \) -prune -o \
		\( -name '*hyperv-uio*' -o -name '*hyperv_uio*' -o -name '*hv-fcopyd*' -o -name '*vmbus-bind*' -o -name 'vmbusctl*' \
		-o -name '*vmbus?bufring*' -o -path '*/updates/dkms/uio_hv_generic*' \
		-o -path '/usr/src/uio_hv_generic*' -o -path '/var/lib/dkms/uio_hv_generic*' \) -print
	find /run /tmp /dev/vmbus \( -name '*hyperv-uio*' -o -name '*hv-fcopyd*' -o -name 'by-*' -o -name 'dkms_rpm_safe_upgrade_lock.*' \) \
		2>/dev/null | grep -v '^/run/bench'
}
# nothing_left: whether no such file is there. udev removes links after the
# removal of the packages.
nothing_left() {
	left >/tmp/left
	cat /tmp/left
	[ ! -s /tmp/left ]
}
# receives: whether hv-fcopyd receives the first half of a file, which does not
# end soon
receives() { systemctl show -p StatusText hv-fcopyd | grep -qE '^StatusText=Receiving a file: .*, [1-4]?[0-9]%'; }
# rest: list what the host's copies_during_upgrade has left, except whole files
rest() { find /srv /var/lib/hv-fcopyd -mindepth 1 ! -path /srv/installed ! \( -path /srv/half -size 40000000c \); }
# uio_of DEVICE: print the UIO device of a VMBus device, by the inode of its
# directory in sysfs, which a later one does not have
uio_of() { stat -c '%n %i' "$1"/uio/uio* 2>/dev/null; }
# given_back DEVICE DRIVER: whether a device is bound as the kernel binds it by
# itself, without an override
given_back() {
	[ -d "$1" ] && has_driver "$1" "$2" && { [ ! -e "$1/driver_override" ] || [ "$(cat "$1/driver_override")" = '(null)' ]; }
}
journal() { journalctl -b --no-pager -o cat "$@" 2>/dev/null; }
# no_unit_failed: whether no unit of systemd has failed; print those that have
no_unit_failed() {
	local failed
	failed=$(systemctl --failed --no-legend --plain)
	echo "$failed"
	[ -z "$failed" ]
}
fcopyd_runs() { [ "$(systemctl is-active hv-fcopyd)" = active ]; }
# new_daemon: whether hv-fcopyd runs from the file that is now installed
new_daemon() { [ "$(readlink "/proc/$(systemctl show -p MainPID --value hv-fcopyd)/exe")" = /usr/sbin/hv-fcopyd ]; }
# confined: whether the AppArmor profile is in force for the daemon that runs
confined() {
	local attribute
	attribute=/proc/$(systemctl show -p MainPID --value hv-fcopyd)/attr/current
	cat "$attribute"
	grep -q '^hv-fcopyd (enforce)' "$attribute"
}
# apt_install PACKAGE...: install packages or DEBs without those that they
# recommend
apt_install() { apt-get install -y --no-install-recommends "$@"; }
# The unit of the distribution's daemon. A test of another distribution changes
# it.
stock_unit=hv-fcopy-daemon
# stock_is STATE: whether the distribution's daemon is "active" or "inactive"
stock_is() { [ "$(systemctl is-active $stock_unit)" = "$1" ]; }
# has_stock_daemon: whether the distribution has a daemon for file copies.
# Debian 13 does not ship it.
has_stock_daemon() { systemctl cat $stock_unit >/dev/null 2>&1; }
# stock_takes_over: whether this daemon uses the file copy device without us
stock_takes_over() { has_stock_daemon && [ "$(stock_fcopy_driver)" = hv_utils ]; }
# stock_runs: whether the distribution's daemon runs, and has registered with
# hv_utils
stock_runs() {
	stock_is active && journal "_SYSTEMD_INVOCATION_ID=$(systemctl show -p InvocationID --value $stock_unit)" |
		grep -q 'kernel module version'
}
# stock_refused: whether the distribution's daemon does not run, and the
# condition in our drop-in keeps systemd from starting it. Debian does not
# enable its unit; a udev rule wants it. Without hv_utils the unit's device is
# missing, and systemd would wait for it.
stock_refused() {
	stock_is inactive || return
	systemctl start --job-mode=ignore-dependencies $stock_unit || return
	systemctl status --no-pager $stock_unit
	stock_is inactive && [ "$(systemctl show -p ConditionResult --value $stock_unit)" = no ]
}
# stock_copies: check that the distribution's daemon runs instead of ours, and
# receives the file from the host's stock_asked
stock_copies() {
	check "$stock_unit runs, as without us" within 60 stock_runs
	check "hv-fcopyd does not run" test "$(systemctl is-active hv-fcopyd)" = inactive
	check "no unit has failed" no_unit_failed
	mkdir -p /srv
	say "the distribution's daemon runs"
	hear "copied stock"
	check "a file arrives through $stock_unit" test "$(stat -c %s /srv/stock)" = 100000
	sum stock
}
# stock_returns: check that this daemon runs only after apt has removed ours
stock_returns() {
	check "$stock_unit does not start while hyperv-uio-fcopyd is installed" stock_refused
	check "apt removes hyperv-uio-fcopyd" env DEBIAN_FRONTEND=noninteractive apt-get -y remove hyperv-uio-fcopyd
	stock_copies
}
# check_purge: check that apt removes all of our packages. The removal releases
# the file copy device to the kernel's driver, and nothing of ours is left.
check_purge() {
	local device stock_driver takes_over=''
	device=$(vmbus_device "$fcopy_class")
	stock_driver=$(stock_fcopy_driver)
	if stock_takes_over; then takes_over=1; fi
	check "apt removes it all" env DEBIAN_FRONTEND=noninteractive apt-get -y purge \
		hyperv-uio hyperv-uio-dkms hyperv-uio-fcopyd hyperv-uio-selftests libvmbus-bufring0 libvmbus-bufring-dev
	check "and the device has the driver that it has without us (${stock_driver:-none})" given_back "$device" "$stock_driver"
	if [ -n "$takes_over" ]; then check "and the distribution's daemon runs" within 60 stock_runs; fi
	check "and the kernel's own module is where its package put it" own_module
	check "and nothing of ours is left" by_clock 20 nothing_left
}
fcopyd_waits() { journal -u hv-fcopyd | grep -q '[Ww]aiting'; }
# time_of UNIT PROPERTY: print a time of a unit in microseconds since the boot
time_of() { systemctl show -p "$2" --value "$1"; }
# fcopyd_at_once: whether hv-fcopyd started after udev had handled the bound
# device, and opened it at the first start, without a failure or a restart.
# Debian 11's systemd warns of a key in the unit that it does not know.
fcopyd_at_once() {
	bound_at=$(time_of 'dev-vmbus-by\x2dclass-fcopy.device' ActiveEnterTimestampMonotonic)
	[ "$bound_at" -gt 0 ] && [ "$bound_at" -le "$(time_of hv-fcopyd ExecMainStartTimestampMonotonic)" ] &&
		[ "$(systemctl show -p NRestarts --value hv-fcopyd)" = 0 ] &&
		! journal -u hv-fcopyd -p warning | grep -v 'Unknown key name'
}
# sum NAME: tell the host the SHA-256 of a file in /srv. The host's
# copy_compared waits for it.
sum() { say "sha $1 $(sha256sum <"/srv/$1" | cut -d' ' -f1)"; }
# copy_arrives NAME: check in two results that the file from the host's
# copy_asked arrives. The host checks in two more that its copy succeeded, and
# that the file is the same.
copy_arrives() {
	check "$1: hv-fcopyd runs" within 30 fcopyd_runs
	fcopyd_runs || journal -o short-monotonic -t systemd -t hv-fcopyd -t vmbus-bind | tail -n 40 | while IFS= read -r line; do note "$line"; done
	say "copy $1"
	hear "copied $1"
	check "$1: a file arrives" test "$(stat -c %s "/srv/$1")" = 100000
	sum "$1"
}

# copy_arrives_at_boot: do the same in boot $boot, after checks of the state
# before the copy; this prints six results
copy_arrives_at_boot() {
	check "boot $boot: hv-fcopyd waits for a copy" within 60 fcopyd_waits
	check "boot $boot: uio_hv_generic has the device" has_driver "$(vmbus_device "$fcopy_class")" uio_hv_generic
	check "boot $boot: the device was bound before hv-fcopyd started" fcopyd_at_once
	check "boot $boot: no unit has failed" no_unit_failed
	copy_arrives "file-$boot"
}

# restart: reboot a whole guest. Its agent then runs guest.sh again, with $boot
# increased by one. (A test needs reboots=1.) Print one result about the kernel
# log of this boot.
restart() {
	check_kernel_log
	# The agent prints the journal of the last boot only.
	[ ! -e /tmp/not-ok ] || journal -t vmbus-bind -o short-monotonic | tail -n 40 | while IFS= read -r line; do note "$line"; done
	echo "boot=$((boot + 1)) spent=$((spent + $(cut -d. -f1 /proc/uptime) + 5))" >"$bench/next"
	sync
	systemctl reboot
	sleep 1000
}

# kernel_complaints: print the lines of the kernel log that no test may cause,
# and the findings of kmemleak if the kernel has it
kernel_complaints() {
	dmesg | grep -Ff "${complaints_file:-/bench/complaints}"
	if [ -w /sys/kernel/debug/kmemleak ]; then
		# kmemleak does not report objects younger than five seconds,
		# and a single scan may see a stale pointer.
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
