# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
# both ATTRIBUTE VALUE: set an attribute for both kinds of allocations
both() { for kind in failslab fail_page_alloc; do echo "$2" >/sys/kernel/debug/$kind/"$1"; done; }

modprobe uio_hv_generic
# Two pages are enough for each buffer of a NIC, because each page is an
# allocation. Its rings would otherwise be 4 MiB in one piece.
for size in recv_size send_size; do echo 8192 >"$driver/$size"; done
echo "$nic_class 65536" >"$driver/ring_size"
bind_class "$nic_class" "$class"
# Only fail-nth causes faults. A report of each fault would look like a
# complaint of the kernel.
both verbose 0
both ignore-gfp-wait N
echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
check "the kernel injects faults" test -w /proc/self/fail-nth
check "the handles of GPADLs can be seen" insmod /gpadls.ko
dmesg -n 4
for id in $class "$nic_class"; do
	check "each allocation may fail, and rings are leaked only when the host may have them" \
		"$programs/fault_nth" "$id" /sys/module/gpadls/parameters/next
	while read -r line; do note "$line"; done </tmp/check.out
done
dmesg -n 5
# vmalloc() logs a stack for each failure. These stacks are no complaints if the
# log has nothing else.
reports=$(dmesg | grep -c 'vmalloc error:')
only_reports() {
	dmesg | grep -Ff /bench/complaints | grep -vi 'call trace:' && return 1
	[ "$(dmesg | grep -ci 'call trace:')" = "$reports" ]
}
check "the log has no complaints besides $reports reports of vmalloc" only_reports && dmesg -c >/dev/null

# A work item opens the sub-channels, and fail-nth does not apply to it, so
# allocations in it fail at random.
bound "$class"
node=/dev/$(ls "$device/uio")
# range MODULE FUNCTION: print the addresses of the function and of the next one
range() {
	grep "\[$1\]" /proc/kallsyms | sort | awk -v "name=$2" '
		begin && $1 != begin { print begin, $1; exit }
		$3 == name { begin = $1 }'
}
# limit KIND MODULE FUNCTION: set the filter KIND (require or reject) for the
# functions on the stack
limit() {
	# shellcheck disable=SC2046 # two words
	set -- "$1" "$3" $(range "$2" "$3")
	check "the addresses of $2 are known" test -n "$4"
	both "$1-start" "0x$3"
	both "$1-end" "0x$4"
}
limit require uio_hv_generic hvuio_subs_open_work
# VMBus loses all further messages if an allocation for one of them fails: it
# leaves the message in its slot. Such a message may interrupt the function.
limit reject hv_vmbus vmbus_on_msg_dpc
both times -1
say sub-channels
both probability 10
for _ in $(seq 80); do
	(exec 5<>"$node" && sleep 0.2) 2>/dev/null
done
both probability 0
failed=$(dmesg | grep -c 'cannot open the sub-channel: -12')
say finished
check "some of the sub-channels could not be opened: $failed" test "$failed" -gt 0
hear faultless
exec 5<>"$node"
say open
check "without a fault all of them open" within 20 rings 4
exec 5>&-
say closed
check "and go with the last close" within 20 rings 1
check "rmmod" rmmod uio_hv_generic
