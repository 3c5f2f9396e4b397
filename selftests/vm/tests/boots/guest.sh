# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# The agent runs this in each boot, as the boot number $boot.
boots=10
journal() { journalctl -b --no-pager -o cat "$@" 2>/dev/null; }
fcopyd_waits() { journal -u hv-fcopyd | grep -q '[Ww]aiting'; }
driver() { basename "$(readlink "$(vmbus_device "$fcopy_class")/driver")"; }
# The daemon opens the device that a start of the unit is about; it neither fails nor is started again.
at_once() { [ "$(systemctl show -p NRestarts --value hv-fcopyd)" = 0 ] && [ -z "$(journal -u hv-fcopyd -p warning)" ]; }

check "boot $boot: hv-fcopyd waits for a copy" within 60 fcopyd_waits
check "boot $boot: uio_hv_generic has the device" test "$(driver)" = uio_hv_generic
check "boot $boot: the device was bound before hv-fcopyd started" at_once
check "boot $boot: no unit has failed" test -z "$(systemctl --failed --no-legend --plain)"
say "up $boot"
hear "copied $boot"
check "boot $boot: the file has arrived" test "$(stat -c %s "/srv/file-$boot")" = 100000
[ "$boot" -ge "$boots" ] || restart
check "all files are there" test "$(find /srv -name 'file-*' | wc -l)" = "$boots"
