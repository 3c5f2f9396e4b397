# SPDX-License-Identifier: GPL-2.0-only
link=/dev/vmbus/by-class/fcopy
stopped() { [ "$(systemctl is-active hv-fcopyd)" = inactive ]; }
linked() { [ -c $link ]; }
unlinked() { [ ! -e $link ]; }
has() { has_driver "$(vmbus_device "$fcopy_class")" "$1"; }
bound() { has uio_hv_generic; }
mkdir -p /srv

check "apt has installed hyperv-uio-fcopyd, and by itself hyperv-uio-dkms" \
	sh -c 'apt-mark showmanual | grep -x hyperv-uio-fcopyd && apt-mark showauto | grep -x hyperv-uio-dkms'
check "the device is bound at boot" within 30 bound
check "by the module that dkms built" sh -c 'modinfo -n uio_hv_generic | grep /updates/dkms/ && test "$(cat /sys/module/uio_hv_generic/version)" = "1:$(cat ./VERSION)"'
check "the stable link is there" within 10 linked
check "hv-fcopyd runs" within 20 fcopyd_runs
out_of_the_way() { ! has_stock_daemon || stock_refused; }
stock_daemon="there is none"
! has_stock_daemon || stock_daemon=$stock_unit
check "the distribution's own daemon ($stock_daemon) stays out of the way" out_of_the_way
check "and the boot had no failed unit" no_unit_failed
# Compare what vmbusctl shows of the device with sysfs.
fcopy=$(vmbus_device "$fcopy_class")
# value INDENT KEY: print the values of a key at one level of the JSON text
value() { sed -n "s/^ \{$1\}\"$2\": *\"\{0,1\}\([^\",]*\).*/\1/p" /tmp/list; }
lists() {
	vmbusctl list --json fcopy | tee /tmp/list
	[ "$(value 4 instance) $(value 4 class_id) $(value 4 driver) $(value 4 uio) $(value 8 relid)" = \
		"${fcopy##*/} $(tr -d '{}' <"$fcopy/class_id") $(driver "$fcopy") $(ls "$fcopy/uio") $(cat "$fcopy/id")" ]
}
# capacity: print how many bytes a ring holds
capacity() { echo $(($(cat "$fcopy/in_read_bytes_avail") + $(cat "$fcopy/in_write_bytes_avail"))); }
# shows LINE: whether the table has this line, whatever the columns' widths
shows() { tr -s ' ' </tmp/list | grep -x "$1 *"; }
shows_channel() {
	vmbusctl list --verbose fcopy | tee /tmp/list
	set -- "$fcopy"/channels/*
	room=$(capacity)
	shows "${fcopy##*/} ${1##*/} $(cat "$1/subchannel_id") $(cat "$1/cpu") $(cat "$1/read_avail") of $room $((room - $(cat "$1/write_avail"))) of $room $(cat "$1/interrupts") $(cat "$1/events")"
}
check "vmbusctl list --json: the device's class, driver, UIO device and channel are those in sysfs" lists
check "vmbusctl list --verbose: and so are the channel's index, processor, fill of the rings, interrupts and signals" within 5 shows_channel
check "vmbusctl doctor finds nothing wrong" vmbusctl doctor
# completion_loads: whether bash finds how to complete the words of vmbusctl.
# The function that loads it has another name since Debian 13.
completion_loads() {
	bash -c '. /usr/share/bash-completion/bash_completion; _comp_load vmbusctl || _completion_loader vmbusctl; complete -p vmbusctl'
}
check "bash finds the completion of vmbusctl" completion_loads
# ring_is BYTES: whether sysfs and the first line of vmbusctl ring-size have
# this size
ring_is() {
	vmbusctl ring-size fcopy | tee /tmp/list
	[ "$(cat "$fcopy/uio_hv_generic/ring_size")" = "$1" ] && grep -x "now  *$(($1 / 1024)) KiB" /tmp/list
}
size=$(cat "$fcopy/uio_hv_generic/ring_size")
check "vmbusctl ring-size shows the size of the rings" ring_is "$size"
check "vmbusctl ring-size does not set another size while hv-fcopyd has the device open" \
	sh -c "vmbusctl ring-size --now fcopy 64K 2>&1 | grep 'a program has the device open'"
systemctl stop hv-fcopyd
check "vmbusctl ring-size sets another one" vmbusctl ring-size fcopy 64K
check "and it is in sysfs" ring_is 65536
check "and in the rule" grep -x 'rule  *64 KiB' /tmp/list
systemctl start hv-fcopyd
check "hv-fcopyd runs with it" within 20 fcopyd_runs
vmbusctl watch --json --interval 0.5 fcopy >/tmp/watch 2>&1 &
watcher=$!
check "vmbusctl watch prints a sample" within 20 grep -q interrupts /tmp/watch
say booted
hear copied first
# In a sample after the copy, the counters are those in sysfs.
watch_is_current() {
	tail -n 1 /tmp/watch
	tail -n 1 /tmp/watch | grep "\"interrupts\": *$(cat "$fcopy"/channels/*/interrupts), *\"signals\": *$(cat "$fcopy"/channels/*/events),"
}
check "vmbusctl watch: after the copy, its counters are those in sysfs" within 20 watch_is_current
kill $watcher
check "vmbusctl watch ends" end_of $watcher 20
check "vmbusctl watch showed interrupts per second during the copy" grep '"interrupts_per_second": *[0-9]*[1-9]' /tmp/watch
check "and signals per second" grep '"signals_per_second": *[0-9]*[1-9]' /tmp/watch
# The host rescinds the device after this.
sum first
hear rescinded
check "the link goes with the device" within 20 unlinked
check "hv-fcopyd goes with the device" within 20 stopped
say gone
hear offered
check "the link comes back" within 20 linked
check "hv-fcopyd comes back" within 20 fcopyd_runs
fcopy=$(vmbus_device "$fcopy_class")
check "with the ring size of the rule" ring_is 65536
systemctl stop hv-fcopyd
check "vmbusctl ring-size sets the default again" vmbusctl ring-size fcopy default
check "and it is in sysfs" ring_is "$size"
systemctl start hv-fcopyd
check "hv-fcopyd runs with it" within 20 fcopyd_runs
say back
hear copied second
sum second
hear cycled
# By default systemd starts a unit five times in ten seconds at most.
check "after twelve quick cycles hv-fcopyd runs" within 30 fcopyd_runs
say back again
hear copied third
sum third
# Run the packaged collection abi, which tests the module's files, from a
# directory of its own. The others need no guest, or take minutes in this one,
# so only "packaged" runs them all.
selftests=/usr/libexec/hyperv-uio/selftests
mkdir /tmp/selftests
cd /tmp/selftests || exit
# installation: print each file of the selftests, with the time of its last
# change
installation() { find $selftests -printf '%p %m %s %T@ %C@\n' | sort; }
installation >/tmp/installation
$selftests/run_kselftest.sh -s -c abi >/tmp/results 2>&1
selftests_status=$?
installation >/tmp/installation-after
# passes TEST: whether this packaged test has passed
passes() { cat output.log && grep "^ok [0-9]* selftests: $1\$" /tmp/results; }
check "the test of the module's files in the packaged selftests passes" passes 'abi: module_files.sh'
check "and no test of abi fails ($(sed -n 's/^# Totals: //p' /tmp/results))" test $selftests_status = 0
check "the log is in the current directory" test "$(ls)" = output.log
check "and the installation has not changed" sh -c 'test -s /tmp/installation && diff /tmp/installation /tmp/installation-after'
cd /run/bench || exit
check "and hv-fcopyd runs as before" within 20 fcopyd_runs
# Without our rule hv_utils has the device, if it takes it.
if stock_takes_over; then
	check "vmbusctl unbind releases the file copy device" vmbusctl unbind fcopy
	check "hv_utils has it" within 30 has hv_utils
	check "hv-fcopyd has ended" within 20 stopped
	check "and the distribution's daemon does not start" out_of_the_way
	check "vmbusctl bind takes it back" vmbusctl bind fcopy
	check "hv-fcopyd runs again" within 60 fcopyd_runs
fi
check "no unit has failed" no_unit_failed
check_purge
