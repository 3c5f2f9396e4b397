# SPDX-License-Identifier: GPL-2.0-only
fcopy=$(vmbus_device "$fcopy_class")
this=$(cat ./VERSION)
next=$(cat ./NEXT)
ours() { rpm -qa | grep -E '^(hyperv-uio|libvmbus)' | sort; }
# with_dnf COMMAND RPM...: run dnf without a repository, as when it installed
# the packages in the image
with_dnf() {
	dnf --assumeyes --nogpgcheck --disablerepo='*' --setopt=reposdir=/none --setopt=install_weak_deps=False \
		--setopt=module_platform_id=platform:el9 --releasever=9 "$@"
}
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
# restart_daemon: do what systemd's package does on an RPM distribution after an
# upgrade
restart_daemon() { systemctl daemon-reload && systemctl restart hv-fcopyd; }
# installed_well NAME VERSION: check in five results that all packages have this
# version and work, after a restart of the daemon
installed_well() {
	check "$1: all packages have version $2, and so has the module of dkms" are "$2"
	# shellcheck disable=SC2046 # words
	check "$1: rpm -V finds no file that differs" rpm -V $(ours)
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
# Unlike the DEB, the RPM does not restart the daemon by itself. So copies also
# arrive while dnf upgrades the packages, and the restart stops one of them.
say half
check "a copy is under way" within 60 receives
check "upgrade: dnf" with_dnf upgrade ./next/*.rpm
systemctl daemon-reload
check "upgrade: a copy is under way before the restart" within 60 receives
check "upgrade: the restart" systemctl restart hv-fcopyd
say upgraded
hear cut
rest >/tmp/rest
check "upgrade: nothing is left of the copy that was stopped" sh -c 'cat /tmp/rest; test ! -s /tmp/rest'
installed_well upgraded "$next"
check "downgrade: dnf" with_dnf downgrade ./old/*.rpm
check "downgrade: the restart" restart_daemon
installed_well downgraded "$this"
rm /usr/sbin/vmbusctl
check "rpm -V finds the file that is missing" sh -c 'rpm -V hyperv-uio | grep "^missing .* /usr/sbin/vmbusctl$"'
check "the administrator stops hv-fcopyd" systemctl stop hv-fcopyd.service
check "reinstallation: dnf" with_dnf reinstall ./old/*.rpm
check "reinstallation: hv-fcopyd stays stopped" test "$(systemctl is-active hv-fcopyd.service)" = inactive
check "reinstallation: the restart" restart_daemon
installed_well reinstalled "$this"
# Debian's package of a kernel stands for that of an RPM distribution: the hook
# of dkms builds the module in both.
new=$(cat ./RELEASE)
# An initramfs would take a minute, and nothing boots it.
export INITRD=No DEBIAN_FRONTEND=noninteractive
check "kernel upgrade: Linux $new and its headers are installed" apt_install ./kernel/*.deb
check "kernel upgrade: dkms has built the module for it" ours_for "$new" "$this"
stock_unit=hypervfcopyd
check "dnf installs hypervfcopyd after ours" with_dnf install ./daemons/hypervfcopyd.rpm
systemctl daemon-reload
check "$stock_unit does not start" stock_refused
copy_arrives hypervfcopyd
check "no unit has failed" no_unit_failed
# shellcheck disable=SC2046 # words
check "dnf removes ours" with_dnf remove $(ours)
check "removal: hv_utils has the device again" given_back "$fcopy" hv_utils
check "removal: neither kernel has our module, $(uname -r) and $new" none_for "$(uname -r)" "$new"
check "removal: nothing of ours is left" within 20 nothing_left
stock_copies
# Otherwise dkms would build the module for this kernel, too.
check "Linux $new is removed" apt-get purge -y "linux-image-$new" "linux-headers-$new"
check "installation: dnf, after hypervfcopyd" with_dnf install ./old/*.rpm
check "installation: no unit has failed" no_unit_failed
check "installation: $stock_unit has stopped, and does not start" stock_refused
check "installation: all packages have version $this, and so has the module of dkms" are "$this"
copy_arrives again
# shellcheck disable=SC2046 # words
check "installation: rpm -V finds no file that differs" rpm -V $(ours)
