# SPDX-License-Identifier: GPL-2.0-only
. /bench/testpmd.sh
# group_has FILE...: whether all files belong to the group 1000, which may read
# and write them
group_has() { [ "$(stat -c '%g %a' "$@" | sort -u)" = "1000 660" ]; }
again() { /usr/lib/udev/vmbus-bind --udev "$instance" && nic_bound; }

uio_takes_first

pmd_begins "first"
say "sends until it is killed"
hear send
pmd_forward txonly
by_clock 60 pmd_sends 1000 || told </tmp/pmd.answer
kill -9 "$pmd"
pmd_end
note "killed, it ended with $?"
say killed
pmd_begins "after kill -9"
pmd_receive "after kill -9" io 3000
check "testpmd quits" pmd_quit || told </tmp/pmd.out

# testpmd needs CAP_SYS_ADMIN to read physical addresses. The shell would run
# busybox's own setpriv.
export instance group=1000
check "doc/dpdk.md: the rule gives it to a group" page_runs group
check "which may read and write the device and its ring" group_has "/dev/$(ls "$folder/uio")" "$folder"/channels/*/ring
as="/usr/bin/$(page user)"
pmd_begins "as a user"
as=''
check "as a user: with one capability" grep -qx "CapEff:.0000000000200000" "/proc/$pmd/status"
pmd_receive "as a user" io 3000

say "sends until the rescind"
hear rescind
pmd_forward txonly
# The host rescinds the NIC while frames flow, and sends nothing before it
# offers the NIC again.
check "the rescind ends testpmd" by_clock 240 over "$pmd"
pmd_end
note "it ended with $?: $(tail -n 3 /tmp/pmd.out | tr '\n' ' ')"
hear offered
# While hv_netvsc makes the interface, vmbus-bind waits for the event of that
# interface, and busybox has no udev that would pass it on.
check "the NIC is back, and hv_netvsc has it" within 20 there
check "and the rule gives it to uio_hv_generic again" again
pmd_begins "after the rescind"
pmd_receive "after the rescind" io 3000
pmd_returns vmbusctl unbind "$instance"
