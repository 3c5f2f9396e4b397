# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# The agent runs this script in each boot. $boot is the number of the boot.
export DEBIAN_FRONTEND=noninteractive
fcopy=$(vmbus_device "$fcopy_class")
this=$(cat ./VERSION)
next=$(cat ./NEXT)

receives() { systemctl show -p StatusText hv-fcopyd | grep -q '^StatusText=Receiving a file: '; }
# Before Linux 6.10, hv_utils binds the file copy device. Later kernels here
# have no driver for it.
stock_driver=''
if hv_utils_takes_fcopy; then stock_driver=hv_utils; fi

ours() { dpkg-query -W -f '${Status} ${Package} ${Version}\n' '*hyperv-uio*' 'libvmbus-bufring*' 2>/dev/null | sed -n 's/^install ok installed //p'; }
# are VERSION: whether all packages have this version, and dkms has the module
# only of this version
are() {
	ours
	dkms status
	[ -n "$(ours)" ] && ! ours | grep -vF " $1-" &&
		dkms status | grep -q "uio_hv_generic.*$1.*installed" && ! dkms status | grep uio_hv_generic | grep -vF "$1" &&
		[ "$(modinfo -F version uio_hv_generic)" = "1:$1" ]
}
# left: list files with a name of the project, except logs and the test itself
left() {
	find / -xdev \( -path /proc -o -path /sys -o -path /run/bench -o -path /var/log -o -path /srv -o -path /var/lib/bench \) -prune -o \
		\( -name '*hyperv-uio*' -o -name '*hyperv_uio*' -o -name '*hv-fcopyd*' -o -name '*vmbus-bind*' -o -name 'vmbusctl*' \
		-o -name '*vmbus?bufring*' -o -path '*/updates/dkms/uio_hv_generic*' \
		-o -path '/usr/src/uio_hv_generic*' -o -path '/var/lib/dkms/uio_hv_generic*' \) -print
	find /run /tmp /dev/vmbus \( -name '*hyperv-uio*' -o -name '*hv-fcopyd*' -o -name 'by-*' \) 2>/dev/null | grep -v '^/run/bench'
}
install() { apt-get install -y --no-install-recommends "$@"; }

case $boot in
1)
	mkdir -p /srv
	copy_arrives installed
	check "installed: this version" are "$this"
	say half
	check "a copy is under way" within 60 receives
	check "upgrade" install ./next/*.deb
	check "upgrade: all packages are new, and nothing of the old version is left" are "$next"
	say upgraded
	hear cut
	whole=$(stat -c %s /srv/half 2>/dev/null || echo 0)
	check "upgrade: the copy has arrived, or nothing of it is left ($whole)" \
		sh -c "test $whole = 50000000 || test -z \"\$(ls -A /var/lib/hv-fcopyd)\$(ls /srv/half 2>/dev/null)\""
	copy_arrives upgraded
	restart
	;;
2)
	copy_arrives rebooted
	check "rebooted: the new module is loaded" test "$(cat /sys/module/uio_hv_generic/version)" = "1:$next"
	check "downgrade" install --allow-downgrades ./old/*.deb
	check "downgrade: all packages are old, and nothing of the new version is left" are "$this"
	copy_arrives downgraded
	check "reinstallation" install --reinstall ./old/*.deb
	check "reinstallation: this version" are "$this"
	copy_arrives reinstalled
	# shellcheck disable=SC2046 # words
	check "removal" apt-get remove -y $(ours | cut -d' ' -f1)
	check "removal: the device has the driver that it has without us (${stock_driver:-none})" has_driver "$fcopy" "$stock_driver"
	check "purge" sh -c "dpkg-query -W -f '\${Package}\n' '*hyperv-uio*' 'libvmbus-bufring*' | xargs apt-get purge -y"
	left >/tmp/left
	check "purge: nothing of ours is left" sh -c 'cat /tmp/left; test ! -s /tmp/left'
	check "purge: no unit has failed" test -z "$(systemctl --failed --no-legend --plain)"
	check "installation" install ./old/*.deb
	copy_arrives again
	;;
esac
