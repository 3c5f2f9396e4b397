# SPDX-License-Identifier: GPL-2.0-only
host() { vmbus_host device "$@"; }

# works KERNEL: check that messages come back, and that sub-channels open
works() {
	guest_says "$1 kernel" || exit 1
	check "the $1 kernel opens the device, and messages come back" host wait-open "send 64 1000" "echo 1000" \
		"offer-sub 2" "channel 2" wait-open
}
works first
watch device wait-reset wait-offered
tell kexec
works second
check "it has left the VMBus first" watched
watch device wait-reset wait-offered
tell crash
works third
check "the kernel that crashed has left the VMBus" watched
host "send-hex 7175697400000000" wait-close
