# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
copy_asked installed
guest_says half || exit 1
# half: copy a long file. It fails if the guest ends the copy with a status, or
# answers too late. The host leaves most of the processor to the guest, which
# needs it for the upgrade. The host's part of the test `life` has it, too.
arrived=0
half() {
	"$bin/copy-vmfile" --timeout "$timeout" fcopy.sock --generate 200000000:1 --source half --destination /srv/half \
		--force >half.out 2>&1 &
	renice 10 -p $! >/dev/null 2>&1
	wait $!
	case $? in
	0) arrived=$((arrived + 1)) ;;
	# The daemon has closed the device, but no copy had begun.
	4) ! grep -q '^start ' half.out ;;
	*) return 1 ;;
	esac
}
# Copies follow each other until the daemon's restart stops one of them.
while ! grep -q '^say upgraded' ctl.log && guest_runs && half; do :; done
check "upgrade: the copy that the restart interrupts ends with 0x800704d3, $arrived before it arrive" \
	grep -E '^(start|write|complete) 0x800704d3 ' half.out || note "$(tr '\n' ';' <half.out)"
guest_says upgraded || exit 1
tell cut
copy_asked upgraded
copy_asked downgraded
copy_asked reinstalled
copy_asked again
