# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
opens() { "$programs/open_close" "$1" 1; }
set_to() { echo "$1" >"$files/ring_size"; }
reason="no contiguous memory for two rings of 2097152 bytes"
# try COMMAND...: check that the command succeeds, or that it fails for lack of
# memory and logs $reason
try() {
	said=$(dmesg | grep -c "$reason")
	if "$@" 2>/tmp/refused; then
		outcome=taken
	else
		cat /tmp/refused
		# Some kernels report "No such device" for every failed bind.
		grep -q "Cannot allocate memory\|Out of memory\|No such device" /tmp/refused || return
		[ "$(dmesg | grep -c "$reason")" -gt "$said" ] || return
		outcome=refused
	fi
}

bind_class "$nic_class" "$class"
nic=$(vmbus_device "$nic_class")
check "the NIC is unbound" sh -c "echo ${nic##*/} >$driver/unbind"
files=$device/uio_hv_generic
"$programs/fragment" >/tmp/fragment.log 2>&1 &
pid=$!
check "memory is in pieces" within 60 grep ready /tmp/fragment.log
note "$(cat /tmp/fragment.log)"
check "rings of 2 MiB" try set_to 2097152
note "they were $outcome"
[ "$outcome" = refused ] || set_to default
check "its rings work" opens "$class"
bind_nic() { echo "${nic##*/}" >"$driver/bind"; }
check "a NIC, whose rings have 2 MiB" try bind_nic
note "it was $outcome"
kill $pid
wait $pid
check "rings of 2 MiB when there is memory" sh -c "echo 2097152 >$files/ring_size && $programs/open_close $class 1"
[ "$outcome" = taken ] || bind_nic
check "and the NIC" opens "$nic_class"
