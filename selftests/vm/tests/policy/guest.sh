# SPDX-License-Identifier: GPL-2.0-only
export DEBIAN_FRONTEND=noninteractive
# stopped: whether no daemon of ours runs, and none of its traces is left
stopped() {
	local left=0
	! fcopyd_runs || left=1
	! grep '^hv-fcopyd ' /sys/kernel/security/apparmor/profiles || left=1
	return $left
}
# forbidden WHEN: the policy forbids starts. hyperv-uio, which dpkg configures
# first, lets udev start the daemon before its profile is there.
forbidden() {
	check "$1: apt installs both packages, against the policy" apt_install ./old/*.deb
	check "$1: AppArmor confines hv-fcopyd" within 30 confined
	check "$1: no unit has failed" no_unit_failed
}

copy_arrives installed
check "apt installs AppArmor" apt_install ./apparmor/*.deb
printf '#!/bin/sh\necho "$*" >>/tmp/asked\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
check "removal" apt-get remove -y hyperv-uio hyperv-uio-fcopyd
check "removal: the daemon and its profile are gone" within 20 stopped
forbidden "after a removal"
copy_arrives again
check "purge" apt-get purge -y hyperv-uio hyperv-uio-fcopyd
check "purge: the daemon and its profile are gone" within 20 stopped
forbidden "after a purge"
copy_arrives anew

# dpkg calls no prerm for a package that an upgrade has only unpacked.
check "dpkg unpacks a later version" dpkg --unpack ./next/*.deb
check "unpacked: the former daemon runs, confined" confined
check "unpacked: dpkg removes it" dpkg -r hyperv-uio-fcopyd
check "unpacked: the daemon and its profile are gone" within 20 stopped
forbidden "after that"
copy_arrives repaired
check "the policy was asked" grep hv-fcopyd /tmp/asked
