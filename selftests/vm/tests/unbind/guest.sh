# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
# On the debug kernel KASAN keeps freed memory for a while, and everything takes
# longer. There kmemleak finds leaks.
cycles=1000 slack=1500
case $(uname -r) in *debug*) cycles=200 slack=20000 ;; esac

bind() { modprobe uio_hv_generic && echo "$class" >"$driver/new_id"; }
opened() { "$programs/open_close" "$class" "${1:-1}"; }
free() { awk '/^MemFree/ { print $2 }' /proc/meminfo; }
# Freed memory becomes available with a delay.
measure() {
	echo 3 >/proc/sys/vm/drop_caches
	for _ in 1 2 3 4 5 6 7 8 9; do
		free=$(free)
		sleep 1
		[ $(($(free) - free)) -gt 100 ] || break
	done
	slab=$(awk '/^SUnreclaim/ { print $2 }' /proc/meminfo)
	mapped=$(grep -c hv_ /proc/vmallocinfo)
}
# same WHAT: check that as much memory is free as at the first measurement
same() {
	measure
	check "$1: free memory changed by $((free - free_before)) kB" test $((free_before - free)) -lt $slack
	check "$1: slab memory changed by $((slab - slab_before)) kB" test $((slab - slab_before)) -lt $slack
	check "$1: the kernel's mappings are as before: $mapped of $mapped_before" test "$mapped" = "$mapped_before"
}

bind
check "the device is bound" within 10 bound "$class"
say rounds 2
check "unbound while open and mapped, bound again, opened again" "$programs/unbind_open" "$class" 5 2
measure
free_before=$free slab_before=$slab mapped_before=$mapped
say rounds 8
check "the same 8 times" "$programs/unbind_open" "$class" 5 8
same "after 8 unbinds"

check "$cycles opens and closes" opened $cycles
same "after $cycles opens"

exec 5<>/dev/uio0
check "rmmod is refused while the device is open" sh -c '! rmmod uio_hv_generic'
exec 5>&-
check "rmmod unbinds a closed device" rmmod uio_hv_generic
say cycles
hear offered
bind
check "it binds the next offer" within 10 bound "$class"
check "which opens" opened
