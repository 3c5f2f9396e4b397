# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
devices=/sys/bus/vmbus/devices
driver=/sys/bus/vmbus/drivers/uio_hv_generic
instances=''
offered() {
	instances=$(grep -l "$fcopy_class" $devices/*/class_id | while read -r file; do basename "${file%/class_id}"; done)
	# shellcheck disable=SC2086 # words
	set -- $instances
	[ $# = 4 ]
}
check "four devices are offered" within 10 offered
modprobe uio
echo 0 >/sys/bus/vmbus/drivers_autoprobe

# free: print the free memory in KiB, including the pages that processors keep
# for themselves
free() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	echo 1 >/proc/sys/vm/stat_refresh
	awk '$1 == "pages" && $2 == "free" { n += $3 } $1 == "count:" { n += $2 } END { print n * 4 }' /proc/zoneinfo
}
each() { for instance in $instances; do echo "$instance" >$driver/"$1" || return; done; }
maps() { for map in "$devices/$1"/uio/uio*/maps/map*; do printf '%s %d\n' "$(sed 's/:.*//' "$map/name")" "$(cat "$map/size")"; done; }

# measure MODULE: set used to the memory of a bound device in KiB, the median of
# three measurements. The first binding does not count.
measure() {
	insmod "$1"
	for instance in $instances; do echo uio_hv_generic >$devices/"$instance"/driver_override; done
	each bind && each unbind || return
	: >/tmp/used
	for _ in 1 2 3; do
		before=$(free)
		each bind || return
		after=$(free)
		rings=$(maps "$instance" | awk '$1 == "txrx_rings" { print $2 / 1024 }')
		buffers=$(maps "$instance" | awk '$1 == "recv" || $1 == "send" { n += $2 } END { print n / 1024 }')
		each unbind
		echo $(((before - after) / 4)) >>/tmp/used
	done
	rmmod uio_hv_generic
	used=$(sort -n /tmp/used | sed -n 2p)
	note "footprint  $(uname -r)  $2  $used KiB a bound device (rings $rings, buffers $buffers; $(tr '\n' ' ' </tmp/used))"
}
measure "$(find /lib/modules/*/kernel -name 'uio_hv_generic.ko')" "the kernel's module"
check "the kernel's module binds all four: $used KiB each" test "$used" -gt 0
stock=$used
measure "$(find /lib/modules/*/updates -name 'uio_hv_generic.ko')" "ours               "
check "ours binds all four: $used KiB each" test "$used" -gt 0
# The kernel may free a few pages of its own meanwhile.
check "that is its rings of $rings KiB, less a tenth at most, and less than 48 KiB more" test "$used" -ge $((rings - rings / 10)) -a "$used" -lt $((rings + 48))
check "ours has no buffers" test "$buffers" = 0
check "it takes less than the kernel's" test "$used" -lt "$stock"
