# SPDX-License-Identifier: GPL-2.0-only
. /bench/testpmd.sh
second=$nic2_instance

uio_takes_first

pmd_begins "four queues" 4
pmd_receive "four queues" io 2000
check "four queues: quit" pmd_quit || told </tmp/pmd.out
say "asks for late sub-channels"
hear held
pmd_begins "late sub-channels" 4
pmd_receive "late sub-channels" io 2000
check "late sub-channels: quit" pmd_quit || told </tmp/pmd.out
pmd_begins "one queue"
pmd_receive "one queue" io 2000
check "one queue: quit" pmd_quit || told </tmp/pmd.out

check "vmbusctl gives it the second, too" vmbusctl bind --force "$other"
pmd_begins "two NICs"
pmd_forward io
say "two NICs"
hear "two NICs done"
first=$(pmd_sent)
say "forwarded two NICs: $first $(pmd_port_sent 1)"
check "two NICs: quit" pmd_quit || told </tmp/pmd.out

check "vmbusctl gives both back" sh -c "vmbusctl unbind $instance && vmbusctl unbind $second"
check "hv_netvsc has them" within 20 there
nic_up "$nic" 0
nic_up "$other" 1
check "ping" ping -c 20 -A 10.55.0.1
check "ping by the second" ping -c 20 -A 10.55.1.1
hear finished
