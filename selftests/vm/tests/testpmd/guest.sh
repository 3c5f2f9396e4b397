# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
. /bench/nic.sh
. /bench/testpmd.sh
instance=8d1a6d4b-3f55-4e0e-9d3e-5a6b7c8d9e0f
folder=/sys/bus/vmbus/devices/$instance
peer=10.55.0.1
there() { nic=$(nic_interface 0); }
driver() { [ "$(basename "$(readlink $folder/driver)")" = "$1" ]; }
bind() { /usr/lib/udev/vmbus-bind --udev $instance && driver uio_hv_generic; }
told() { while read -r line; do note "  $line"; done; }
answered() { grep -q "$1" /tmp/pmd.answer; }

note "DPDK $(cat /dpdk/version), Linux $(uname -r)"
modprobe hv_netvsc
check "hv_netvsc has the NIC first" within 30 there
mkdir -p /etc/hyperv-uio/bind.d
printf '; eth1, for DPDK\n[%s]\ndriver=uio_hv_generic\n' $instance >/etc/hyperv-uio/bind.d/50-dpdk.conf
check "vmbus-bind gives it to uio_hv_generic" bind

# begins NAME [QUEUES]: testpmd runs, sees the port, and the link is up
begins() {
	check "$1: testpmd starts" pmd_start "${2:-1}" || { told </tmp/pmd.out && exit 1; }
	pmd "show port info 0" >/dev/null
	check "$1: port 0 has the NIC's MAC address and a link" sh -c 'grep -qi "MAC address: 00:15:5D:55:00:02" /tmp/pmd.answer && grep -q "Link status: up" /tmp/pmd.answer' ||
		told </tmp/pmd.out
}

# from_host NAME MODE: the host sends frames; all arrive, and are forwarded if the mode does so
from_host() {
	pmd_forward "$2"
	say "forwards $1"
	hear "generated $1"
	check "$1: testpmd has received what the host sent: $(pmd_count RX-packets) without $(pmd_count RX-errors) errors" \
		test "$(pmd_count RX-packets) $(pmd_count RX-errors) $(pmd_count RX-nombuf)" = "3000 0 0"
	sent=$(pmd_sent)
	say "forwarded $1: $sent"
}

# to_host NAME SEGMENTS: testpmd sends for a second
to_host() {
	pmd "set txpkts $2" >/dev/null
	hear "send $1"
	pmd_forward txonly
	sleep 1
	sent=$(pmd_sent)
	check "$1: testpmd has sent something: $sent" test "$sent" -gt 100 || told </tmp/pmd.answer
	say "sent $1: $sent"
}

begins "first"
check "first: addresses are physical" grep -q "Selected IOVA mode 'PA'" /tmp/pmd.out
from_host rxonly rxonly
from_host io io
from_host mac mac
to_host "64 bytes" 64
to_host "1024 bytes" 1024
to_host "two segments" 700,700
for number in 1 2 3 4 5; do
	pmd "port stop 0" >/dev/null && answered Done && pmd "port start 0" >/dev/null && answered Done || break
done
check "port stop and start, five times" answered Done || told </tmp/pmd.answer
from_host "after stop and start" io

hear kill
pmd_forward txonly
kill -9 "$pmd"
pmd_end
note "killed, it ended with $?"
say killed
begins "after kill -9"
from_host "after kill -9" io
check "testpmd quits" pmd_quit || told </tmp/pmd.out

# It needs CAP_SYS_ADMIN to see physical addresses.
chown 1000:1000 "/dev/$(ls $folder/uio)" $folder/channels/*/ring
as="/usr/bin/setpriv --reuid=1000 --regid=1000 --clear-groups --inh-caps=+sys_admin --ambient-caps=+sys_admin"
begins "as a user"
as=''
check "as a user: with one capability" grep -qx "CapEff:.0000000000200000" "/proc/$pmd/status"
from_host "as a user" io

hear rescind
pmd_forward txonly
say "forwards until the rescind"
pmd_over() { ! pmd_runs; }
check "the rescind ends testpmd" within 30 pmd_over
pmd_end
note "it ended with $?: $(tail -n 3 /tmp/pmd.out | tr '\n' ' ')"
hear offered
check "the NIC is back" within 20 test -e $folder
check "and uio_hv_generic has it again" bind
begins "after the rescind"
from_host "after the rescind" io
check "testpmd quits once more" pmd_quit || told </tmp/pmd.out

check "vmbus-bind gives it back" /usr/lib/udev/vmbus-bind --release $instance
rm /etc/hyperv-uio/bind.d/50-dpdk.conf
check "hv_netvsc has it" within 20 there
nic_up "$nic" 0
check "ping" ping -c 20 -A $peer
say pinged
hear finished
