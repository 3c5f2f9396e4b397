# SPDX-License-Identifier: GPL-2.0-only
# The agent runs this script in each boot. $boot is the number of the boot.
export DEBIAN_FRONTEND=noninteractive
release=$(uname -r)
fcopy=$(vmbus_device "$fcopy_class")
stock_driver=$(stock_fcopy_driver)

# bare: whether the guest has no package of ours, and not what dkms needs
bare() {
	! command -v dkms && ! command -v gcc && ! ls -d /lib/modules/*/build &&
		! dpkg-query -W '*hyperv-uio*' && ! dpkg-query -W 'libvmbus-bufring*'
}
# brought PACKAGE...: whether apt has installed these without having been told
brought() {
	local package
	for package; do
		[ "$(dpkg-query -W -f '${Status}' "$package")" = "install ok installed" ] && apt-mark showauto | grep -qx "$package" || return
	done
}
# as_without_us: whether the device keeps its driver when udev has handled the
# events of the installation
as_without_us() { udevadm settle && has_driver "$fcopy" "$stock_driver" && none_for "$release"; }
# advice: print the command in the only line about missing headers
advice() { sed -n 's/^The module is not built for the kernel [^ ]*, whose headers are missing: \(apt install .*\), then reboot$/\1/p' /tmp/said; }
# apt_said ARGUMENT...: run apt-get, and keep what it says. dpkg writes to a
# terminal of apt, whose lines end with a carriage return.
apt_said() {
	apt-get -y "$@" >/tmp/output 2>&1
	set -- $?
	tr -d '\r' </tmp/output | tee /tmp/said
	return "$1"
}

case $boot in
1)
	mkdir -p /srv
	check "the guest runs a cloud kernel" expr "$release" : '.*-cloud-amd64$'
	check "it has no headers, no dkms and no compiler" bare
	check "apt accepts the signed repository" apt-get -o APT::Update::Error-Mode=any update
	check "apt-get install hyperv-uio-fcopyd" apt_said install hyperv-uio-fcopyd
	note "$(grep -E '^[0-9]+ upgraded|^(Need to get|After this operation)' /tmp/said | paste -s -d ' ')"
	check "apt has brought dkms, the module's package and the headers that it recommends" brought dkms hyperv-uio hyperv-uio-dkms linux-headers-amd64
	check "one line names the headers of the running kernel" test "$(advice)" = "apt install linux-headers-$release linux-headers-cloud-amd64"
	check "until then the device has the driver that it has without us (${stock_driver:-none})" as_without_us
	check "and no unit has failed" no_unit_failed
	# shellcheck disable=SC2046 # words
	check "apt does what the line says" apt_said $(advice | sed 's/^apt //')
	check "dkms has built the module for the running kernel" ours_for "$release" "$(cat ./VERSION)"
	restart
	;;
2)
	copy_arrives_at_boot
	check_purge
	;;
esac
