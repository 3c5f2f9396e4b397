# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
fcopy=$(vmbus_device "$fcopy_class")
ours() { rpm -qa | grep -E '^(hyperv-uio|libvmbus)' | sort; }
mkdir -p /srv
check "the database of rpm has our packages, and dpkg's has none" sh -c "rpm -q hyperv-uio-fcopyd && ! dpkg-query -W '*hyperv-uio*' 2>/dev/null | grep ."
check "the device is bound at boot" within 30 has_driver "$fcopy" uio_hv_generic
check "by the module that dkms built" sh -c 'modinfo -n uio_hv_generic | grep /updates/dkms/ && test "$(cat /sys/module/uio_hv_generic/version)" = "1:$(cat ./VERSION)"'
copy_arrives installed
# shellcheck disable=SC2046 # words
check "rpm -V finds no file that differs" rpm -V $(ours)
check "no unit has failed" test -z "$(systemctl --failed --no-legend --plain)"
# shellcheck disable=SC2046 # words
check "dnf removes them" dnf --assumeyes --disablerepo='*' --setopt=module_platform_id=platform:el9 remove $(ours)
check "removal: hv_utils has the device again" has_driver "$fcopy" hv_utils
left() {
	find / -xdev \( -path /proc -o -path /sys -o -path /run/bench -o -path /var/log -o -path /srv -o -path /var/lib/dnf -o -path /var/cache \) -prune -o \
		\( -name '*hyperv-uio*' -o -name '*hyperv_uio*' -o -name '*hv-fcopyd*' -o -name '*vmbus-bind*' -o -name 'vmbusctl*' \
		-o -name '*vmbus?bufring*' -o -path '*/updates/dkms/uio_hv_generic*' -o -path '/var/lib/dkms/uio_hv_generic*' \) -print
}
left >/tmp/left
check "removal: nothing of ours is left" sh -c 'cat /tmp/left; test ! -s /tmp/left'
check "installed again" sh -c "rpm -i ./rpms/*.rpm"
copy_arrives again
