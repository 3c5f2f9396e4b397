# SPDX-License-Identifier: GPL-2.0-only
bound() { has_driver "$fcopy" uio_hv_generic; }
pid() { systemctl show -p MainPID --value hv-fcopyd; }
stock_driver=$(stock_fcopy_driver)
fcopy=$(vmbus_device "$fcopy_class")
mkdir -p /srv

check "the device is bound at boot" within 30 bound
check "hv-fcopyd runs" within 20 fcopyd_runs
# again: whether the daemon runs as a new process. After the end of the old one,
# systemd may report "active" until it notices that, and then 0 as the process.
again() { new=$(pid) && [ "$new" != 0 ] && [ "$new" != "$old" ] && fcopyd_runs; }
# The daemon may need a while to end a copy whose device goes.
slow_stop=/run/systemd/system/hv-fcopyd.service.d/slow.conf
mkdir -p ${slow_stop%/*}
printf '[Service]\nExecStopPost=+/bin/sh -c "sleep 15; cut -d. -f1 /proc/uptime >/run/stopped"\n' >$slow_stop
systemctl daemon-reload
old=$(pid)
say "it stops slowly"
hear "cycled once"
check "hv-fcopyd runs after a slow stop" within 60 again
stopped_later() {
	udevadm info -q property -p "$fcopy" >/tmp/properties
	offered=$(sed -n 's/^USEC_INITIALIZED=//p' /tmp/properties)
	stopped=$(cat /run/stopped)
	rm /run/stopped
	echo "the device was there at $offered us, and the stop ended at $stopped s"
	[ "$offered" -lt "${stopped}000000" ]
}
check "which ended after the host had offered the device again" stopped_later
rm -r ${slow_stop%/*}
systemctl daemon-reload
restarts() { for _ in 1 2 3; do systemctl restart hv-fcopyd && within 30 fcopyd_runs || return; done; }
# stopped_slowly: whether hv-fcopyd has taken three seconds and more for each of
# its three stops since $restarted, and systemd has neither killed it nor
# counted a failure
stopped_slowly() {
	journalctl --sync
	journalctl -b -u hv-fcopyd --since "@$restarted" --no-pager -o short-unix >/tmp/stops
	cat /tmp/stops
	awk '/: Stopping / { from = $1 } /: Stopped / { stops += $1 - from >= 3 } END { exit stops != 3 }' /tmp/stops &&
		! grep -i -e "timed out" -e kill -e fail /tmp/stops
}
hear slow
restarted=$(date +%s)
check "three restarts while the host closes the device slowly" restarts
check "systemd has waited for each close, and killed nothing" stopped_slowly
old=$(pid)
kill -9 "$old"
check "it comes back after it was killed" within 60 again
say restarted
hear fast
# For 20 seconds the host does not answer about the buffers of a NIC, which a
# rule names. A section for a class needs force=yes.
printf '[nic]\nforce=yes\n' >/etc/hyperv-uio/bind.d/50-nic.conf
say "NIC is awaited"
hear "NIC offered"
nic_link=/dev/vmbus/by-class/nic/$nic_instance
nic_waits() { ! udevadm settle --timeout=5 && [ ! -e "$nic_link" ]; }
check "udev waits while a host does not accept the buffers of a NIC" nic_waits
say "udev waits"
hear "NIC accepted"
nic_is_bound() { udevadm settle --timeout=60 && has_driver "$nic_instance" uio_hv_generic && [ -c "$nic_link" ]; }
check "then the NIC is bound by its rule" nic_is_bound
check "and no unit has failed meanwhile" no_unit_failed
rm /etc/hyperv-uio/bind.d/50-nic.conf
say "NIC bound"
hear "slow again"
# In a removal that fails, dpkg runs prerm and postinst.
# script PACKAGE SCRIPT ARGUMENT
script() { DPKG_MAINTSCRIPT_NAME=$2 DPKG_MAINTSCRIPT_PACKAGE=$1 "/var/lib/dpkg/info/$1.$2" "$3"; }
# prerm is killed in its longest part, a slow stop, before it releases the
# device.
cut_off() {
	sed '/^	# Release the device after/q' /var/lib/dpkg/info/hyperv-uio-fcopyd.prerm >/tmp/prerm
	printf '%s\n' 'kill -KILL $$' 'fi' >>/tmp/prerm
	sh /tmp/prerm remove
	[ $? = 137 ] && [ "$(systemctl is-active hv-fcopyd)" = inactive ] && bound
}
check "the removal of hyperv-uio-fcopyd is killed when hv-fcopyd has stopped" cut_off
check "then hv-fcopyd runs again" script hyperv-uio-fcopyd postinst abort-remove
check "and has the device" by_clock 60 eval 'fcopyd_runs && bound'
removal_fails() { script hyperv-uio-fcopyd prerm remove && script hyperv-uio-fcopyd postinst abort-remove; }
check "after a removal that fails later, too" removal_fails
check "and has the device again" by_clock 60 eval 'fcopyd_runs && bound'
held=/run/hyperv-uio/held
mkdir -p $held
touch $held/before
released() { script hyperv-uio prerm remove && fcopy=$(vmbus_device "$fcopy_class") && within 20 given_back "$fcopy" "$stock_driver"; }
check "the removal of hyperv-uio releases the device" released
# restored: the device that an administrator holds stays held
restored() {
	script hyperv-uio postinst abort-remove && within 20 bound && within 60 fcopyd_runs &&
		[ "$(ls $held)" = before ] && rm $held/before
}
check "and after a removal that failed, it is bound, and hv-fcopyd runs" restored
check_purge
