# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
opens() { "$programs/open_close" "$1" 1; }
set_to() { echo "$1" >"$files/ring_size"; }
reason="no contiguous memory for two rings of 2097152 bytes"
# refused COMMAND...: check that the command fails for lack of memory, and that
# the kernel logs $reason
refused() {
	local said
	said=$(dmesg | grep -c "$reason")
	"$@" 2>/tmp/refused && return 1
	cat /tmp/refused
	# Some kernels report "No such device" for every failed bind.
	grep -q "Cannot allocate memory\|Out of memory\|No such device" /tmp/refused &&
		[ "$(dmesg | grep -c "$reason")" -gt "$said" ]
}
huge=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages

bind_class "$nic_class" "$class"
nic=$(vmbus_device "$nic_class")
check "the NIC is unbound" sh -c "echo ${nic##*/} >$driver/unbind"
files=$device/uio_hv_generic
"$programs/fragment" >/tmp/fragment.log 2>&1 &
pid=$!
check "memory is in pieces" within 60 grep ready /tmp/fragment.log
note "$(cat /tmp/fragment.log)"
check "huge pages take the large blocks that are left" sh -c "echo 1000 >$huge && test \$(cat $huge) -lt 1000"
note "there were $(cat $huge)"
check "rings of 2 MiB are refused" refused set_to 2097152
check "the device keeps its rings, and they work" opens "$class"
bind_nic() { echo "${nic##*/}" >"$driver/bind"; }
check "a NIC, whose rings have 2 MiB, is refused" refused bind_nic
kill $pid
wait $pid
echo 0 >$huge
check "rings of 2 MiB when there is memory" sh -c "echo 2097152 >$files/ring_size && $programs/open_close $class 1"
check "the NIC can be bound" bind_nic
check "and opens" opens "$nic_class"
