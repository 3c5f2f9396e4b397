#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check when hv-fcopyd-other-daemons lets the distribution's daemon start. Its
# absolute paths are those of a directory tree, and stand-ins for systemctl and
# logger record their arguments.
# shellcheck disable=SC2086,SC2317 # names need no quotes; tests are called by name
dir=$(dirname "$(readlink -f "$0")")
# shellcheck source=../kselftest/ktap_helpers.sh
command . "$dir/ktap_helpers.sh" || exit 1

# Patterns match in the order of bytes.
export LC_ALL=C
base=$(mktemp -d) || exit 1
trap 'rm -rf "$base"' EXIT
ktap_need_programs "$base"
device=eb765408-105f-49b6-b4aa-c123b64d17d4
unit=hv-fcopy-daemon.service

# put FILE TEXT: write a file of the tree
put() {
	mkdir -p "$(dirname "$root/$1")"
	printf '%s\n' "$2" >"$root/$1"
}
# drop_in UNIT [TEXT]
drop_in() { put "usr/lib/systemd/system/$1.d/hyperv-uio.conf" "ConditionPathExists=|$root/run/${2:-hv-fcopyd.other-daemons}"; }
# state UNIT WORD: what systemctl is-enabled says of a unit
state() { put "is-enabled/$1" "$2"; }
# has_driver NAME
has_driver() {
	rm -f "$root/sys/bus/vmbus/devices/$device/driver"
	ln -s "../../bus/vmbus/drivers/$1" "$root/sys/bus/vmbus/devices/$device/driver"
}
mark() { put run/hv-fcopyd.other-daemons ''; }
marked() { [ -e "$root/run/hv-fcopyd.other-daemons" ]; }
wants='KERNEL=="vmbus/hv_fcopy", TAG+="systemd", ENV{SYSTEMD_WANTS}+="hv-fcopy-daemon.service"'

# machine: make a tree with Debian's hyperv-daemons, in which hv_utils has the
# device
machine() {
	root=$base/$KTAP_TESTNO
	mkdir -p "$root/run/systemd/system" "$root/bin"
	put sys/bus/vmbus/devices/$device/class_id '{34d14be3-dee4-41c8-9ae7-6b174977c192}'
	put usr/sbin/hv-fcopyd ''
	put etc/hyperv-uio/fcopyd.conf '#enable=yes'
	put dev/vmbus/hv_fcopy ''
	put usr/lib/udev/rules.d/60-hyperv-daemons.rules "$wants"
	drop_in $unit
	drop_in hypervfcopyd.service
	drop_in hv-fcopy-uio-daemon.service none
	state $unit disabled
	has_driver hv_utils
	cat >"$root/bin/systemctl" <<-END
		#!/bin/sh
		case \$1 in is-*) exec cat "$root/\$1/\$2" 2>/dev/null ;; esac
		echo "systemctl \$*" >>"$root/asked"
	END
	printf '#!/bin/sh\necho "$*" >>"%s/logged"\n' "$root" >"$root/bin/logger"
	chmod +x "$root"/bin/*
	# The script finds no others, so it cannot run the real systemctl.
	for tool in cat grep readlink rm sh; do
		for folder in /usr/bin /bin; do [ ! -x $folder/$tool ] || ln -sf $folder/$tool "$root/bin/$tool"; done
	done
	: >"$root/asked"
	: >"$root/logged"
	sed -E -e "s#^PATH=.*#PATH=$root/bin#" -e "s#(^|[[:space:]\"=])/(etc|usr|lib|run|dev|sys)/#\1$root/\2/#g" \
		-e "s#2>$root/dev/null#2>/dev/null#g" "$dir/other-daemons" >"$root/script"
}
run() { sh "$root/script" "$@"; }
# event SUBSYSTEM ACTION [VARIABLE]: do as udev does for an event
event() { env SUBSYSTEM="$1" ACTION="$2" ${3:-} sh "$root/script" $device; }
asked() {
	cat "$root/asked"
	[ "$(cat "$root/asked")" = "$*" ]
}
logged() {
	cat "$root/logged"
	grep -q "$*" "$root/logged"
}
silent() {
	cat "$root/logged"
	[ ! -s "$root/logged" ]
}
starts='systemctl start --no-block hv-fcopy-daemon.service'

test_starts_what_a_rule_wants() {
	run $device && asked "$starts" && marked && logged "so the distribution's daemon may use it"
}
test_again_it_logs_nothing() {
	mark
	run $device && asked "$starts" && marked && silent
}
test_starts_an_enabled_unit_without_a_rule() {
	rm "$root/usr/lib/udev/rules.d/60-hyperv-daemons.rules"
	state $unit enabled
	run $device && asked "$starts"
}
test_starts_nothing_that_nobody_wants() {
	rm "$root/usr/lib/udev/rules.d/60-hyperv-daemons.rules"
	run $device && asked '' && marked
}
test_a_rule_in_a_comment_counts_for_nothing() {
	put usr/lib/udev/rules.d/60-hyperv-daemons.rules "# $wants"
	run $device && asked ''
}
test_a_file_in_etc_replaces_a_rule() {
	put etc/udev/rules.d/60-hyperv-daemons.rules ''
	run $device && asked ''
}
test_a_rule_in_etc_counts() {
	rm "$root/usr/lib/udev/rules.d/60-hyperv-daemons.rules"
	put etc/udev/rules.d/90-mine.rules "$wants"
	run $device && asked "$starts"
}
test_waits_for_hv_utils() {
	rm "$root/dev/vmbus/hv_fcopy"
	run $device && asked '' && marked
}
test_uio_hv_generic_has_the_device() {
	has_driver uio_hv_generic
	run $device && asked '' && ! marked && silent
}
resets='systemctl reset-failed hv-fcopy-daemon.service hypervfcopyd.service'
test_uio_hv_generic_has_the_device_again() {
	has_driver uio_hv_generic
	mark
	run $device && asked "$resets" && ! marked
}
test_the_device_goes() {
	mark
	rm -r "$root/sys/bus/vmbus/devices/$device"
	run $device && asked "$resets" && ! marked && silent
}
# The host may have offered the device again before udev handles the "remove".
test_a_late_remove() {
	mark
	event vmbus remove && asked "$resets" && ! marked && silent
}
test_a_review_looks_at_the_device() {
	put sys/bus/vmbus/devices/another/class_id '{f8615163-df3e-46c5-913f-f2d2f965ed0e}'
	run --review && asked "$starts" && marked
}
test_a_review_without_a_device() {
	rm -r "$root/sys/bus/vmbus/devices/$device"
	run --review && asked '' && ! marked && silent
}
restart='systemctl start --no-block hv-fcopyd.service'
# systemd drops the start that udev wants while the unit is stopping.
test_a_daemon_that_stops_starts_again() {
	has_driver uio_hv_generic
	put is-active/hv-fcopyd.service deactivating
	event uio add && asked "$restart"
}
test_another_event_does_not_start_it() {
	has_driver uio_hv_generic
	put is-active/hv-fcopyd.service deactivating
	event uio change && event vmbus add && event uio add SYNTH_UUID=0 && asked ''
}
test_a_daemon_that_runs_is_left_alone() {
	has_driver uio_hv_generic
	put is-active/hv-fcopyd.service active
	event uio add && asked ''
}
test_settings_keep_it_from_starting() {
	for setting in enable=no '[/etc]' '  max-size = 1G' enable=yes; do
		put etc/hyperv-uio/fcopyd.conf "$setting"
		run $device && asked '' && ! marked && logged "because $root/etc/hyperv-uio/fcopyd.conf has settings" || return
	done
}
test_settings_of_the_directory_do_so_too() {
	put etc/hyperv-uio/fcopyd.conf.d/10-a.conf '; a comment'
	put etc/hyperv-uio/fcopyd.conf.d/20-b.conf '[/srv]'
	run $device && asked '' && ! marked && logged 'fcopyd.conf.d/20-b.conf has settings'
}
test_a_file_that_is_not_read_does_not() {
	put etc/hyperv-uio/fcopyd.conf.d/20-b.conf.dpkg-old '[/srv]'
	run $device && asked "$starts"
}
test_settings_stop_a_daemon_that_runs() {
	mark
	put etc/hyperv-uio/fcopyd.conf enable=no
	run --review && asked 'systemctl stop --no-block hv-fcopy-daemon.service hypervfcopyd.service
systemctl reset-failed hv-fcopy-daemon.service hypervfcopyd.service' && ! marked
}
test_a_file_that_cannot_be_read_counts() {
	mkdir -p "$root/etc/hyperv-uio/fcopyd.conf.d"
	ln -s /nowhere "$root/etc/hyperv-uio/fcopyd.conf.d/30-c.conf"
	run $device && asked '' && ! marked && logged 'fcopyd.conf.d/30-c.conf cannot be read'
}
test_a_local_profile_counts() {
	put etc/apparmor.d/local/hv-fcopyd '# a comment'
	run $device && marked && put etc/apparmor.d/local/hv-fcopyd 'deny /etc/** w,' &&
		run $device && ! marked && logged 'apparmor.d/local/hv-fcopyd has settings' &&
		put etc/apparmor.d/local/hv-fcopyd '#include <local/site>' && mark && run $device && ! marked
}
test_a_drop_in_counts() {
	for file in etc/systemd/system/hv-fcopyd.service run/systemd/system/hv-fcopyd.service.d/override.conf \
		etc/systemd/system/hv-fcopyd.service.d/override.conf; do
		put "$file" 'ProtectSystem=strict'
		run $device && asked '' && ! marked && logged "because $root/$file changes its unit" || return
		rm "$root/$file"
	done
}
test_a_mask_keeps_it_from_starting() {
	state hv-fcopyd.service masked
	run $device && asked '' && ! marked && logged 'because hv-fcopyd.service is masked'
}
test_a_removal_is_not_disturbed() {
	put run/hv-fcopyd.masked ''
	run $device && asked '' && ! marked && silent
}
test_nothing_without_hv_fcopyd() {
	rm "$root/usr/sbin/hv-fcopyd"
	run $device && asked '' && ! marked && silent
}
test_nothing_without_a_device() {
	run '' && run && asked '' && ! marked && silent
}
test_nothing_is_started_without_systemd() {
	rm -r "$root/run/systemd"
	run $device && asked '' && marked
}
test_units() {
	state hv-fcopy-uio-daemon.service enabled-runtime
	state hypervfcopyd.service masked
	drop_in hv_fcopy_uio_daemon.service none
	said=$(run --units)
	echo "$said"
	[ "$said" = "$unit
hv-fcopy-uio-daemon.service" ] && ! marked
}
test_units_without_hv_utils() {
	state hypervfcopyd.service enabled
	rm "$root/dev/vmbus/hv_fcopy"
	drop_in hv_fcopy_uio_daemon.service none
	put usr/lib/udev/rules.d/90-hyper-v.rules 'ACTION=="add", SUBSYSTEM=="vmbus", ENV{SYSTEMD_WANTS}+="hv_fcopy_uio_daemon.service"'
	said=$(run --units | sort)
	echo "$said"
	[ "$said" = "hv_fcopy_uio_daemon.service
hypervfcopyd.service" ]
}
test_stop() {
	drop_in hv_fcopy_uio_daemon.service none
	all='hv-fcopy-daemon.service hv-fcopy-uio-daemon.service hv_fcopy_uio_daemon.service hypervfcopyd.service'
	run --stop && asked "systemctl stop $all
systemctl reset-failed $all" && ! marked && silent
}
test_a_daemon_that_was_let_is_not_stopped() {
	mark
	run --stop && asked '' && marked && silent
}
test_stop_without_drop_ins() {
	rm -r "$root"/usr/lib/systemd/system/*.d
	run --stop && asked ''
}

tests=$(sed -n 's/^test_\([a-z_]*\)() {$/\1/p' "$0")
ktap_print_header
ktap_set_plan "$(printf '%s\n' $tests | wc -l)"
for name in $tests; do
	machine
	if "test_$name" >"$base/said" 2>&1; then
		ktap_test_pass "$name"
	else
		sed 's/^/# /' "$base/said"
		ktap_test_fail "$name"
	fi
done
ktap_finished
