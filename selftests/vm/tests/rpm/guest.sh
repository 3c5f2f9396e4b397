# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
fcopy=$(vmbus_device "$fcopy_class")
this=$(cat ./VERSION)
next=$(cat ./NEXT)
ours() { rpm -qa | grep -E '^(hyperv-uio|libvmbus)' | sort; }
# are VERSION: whether all packages have this version, and dkms has installed
# the module of this version only
are() {
	rpm -qa 'hyperv-uio*' 'libvmbus*' --qf '%{NAME} %{VERSION}\n' >/tmp/packages
	cat /tmp/packages
	dkms status
	[ "$(wc -l </tmp/packages)" = "$(find ./old -name '*.rpm' | wc -l)" ] && ! grep -vF " $1" /tmp/packages &&
		dkms status | grep -q "uio_hv_generic.*$1.*installed" && ! dkms status | grep uio_hv_generic | grep -vF "$1" &&
		[ "$(modinfo -F version uio_hv_generic)" = "1:$1" ]
}
# installed_well NAME VERSION: check in five results that all packages have this
# version and work. On an RPM distribution, systemd's package restarts the
# daemon after an upgrade.
installed_well() {
	check "$1: all packages have version $2, and so has the module of dkms" are "$2"
	# shellcheck disable=SC2046 # words
	check "$1: rpm -V finds no file that differs" rpm -V $(ours)
	systemctl daemon-reload
	systemctl restart hv-fcopyd
	check "$1: hv-fcopyd of this version runs" within 30 new_daemon
	copy_arrives "$1"
}
mkdir -p /srv
check "the database of rpm has our packages, and dpkg's has none" sh -c "rpm -q hyperv-uio-fcopyd && ! dpkg-query -W '*hyperv-uio*' 2>/dev/null | grep ."
check "the device is bound at boot" within 30 has_driver "$fcopy" uio_hv_generic
check "by the module that dkms built" sh -c 'modinfo -n uio_hv_generic | grep /updates/dkms/ && test "$(cat /sys/module/uio_hv_generic/version)" = "1:$(cat ./VERSION)"'
copy_arrives installed
# shellcheck disable=SC2046 # words
check "rpm -V finds no file that differs" rpm -V $(ours)
check "upgrade: rpm -U" rpm -U ./next/*.rpm
installed_well upgraded "$next"
check "downgrade: rpm -U --oldpackage" rpm -U --oldpackage ./old/*.rpm
installed_well downgraded "$this"
rm /usr/sbin/vmbusctl
check "rpm -V finds the file that is missing" sh -c 'rpm -V hyperv-uio | grep "^missing .* /usr/sbin/vmbusctl$"'
check "reinstallation: rpm --reinstall" rpm --reinstall ./old/*.rpm
installed_well reinstalled "$this"
check "no unit has failed" test -z "$(systemctl --failed --no-legend --plain)"
# shellcheck disable=SC2046 # words
check "dnf removes them" dnf --assumeyes --disablerepo='*' --setopt=module_platform_id=platform:el9 remove $(ours)
check "removal: hv_utils has the device again" given_back "$fcopy" hv_utils
check "removal: nothing of ours is left" within 20 nothing_left
check "installation: rpm -i" rpm -i ./old/*.rpm
check "installation: all packages have version $this, and so has the module of dkms" are "$this"
copy_arrives again
# shellcheck disable=SC2046 # words
check "installation: rpm -V finds no file that differs" rpm -V $(ours)
