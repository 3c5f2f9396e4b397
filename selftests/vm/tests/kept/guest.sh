# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
open=$programs/open_close
logged() { dmesg | grep "$1"; }
# deny FUNCTION: let this function of the kernel fail, and do nothing. Without
# vmbus_post_msg(), VMBus cannot send messages to the host.
deny() { insmod /deny.ko deny=1 at="$1"; }
denied() { [ "$(cat /sys/module/deny/parameters/denied)" -ge 1 ] && rmmod deny; }
fails() { ! $open "$class" 1; }
busy() { fails >/tmp/said 2>&1 && cat /tmp/said && grep -q 'Device or resource busy' /tmp/said; }
# close_in_vain: close the device, but the host does not hear of that
close_in_vain() {
	exec 5<>"/dev/$(ls "$device/uio")"
	deny vmbus_post_msg
	exec 5>&-
	check "a close does not reach the host" denied
	check "the kernel log says so" logged "the host does not close the channel"
}
# released: unbind the device without a leak, and bind it again
released() {
	echo "$id" >"$driver/unbind" && ! logged leaking &&
		echo "$id" >"$driver/bind" && within 10 bound "$class"
}
hibernate() { echo disk >/sys/power/state; }
cancelled() { ! hibernate; }

bind_class "$class"
id=${device##*/}
size=$(cat "$device"/uio/uio*/maps/map0/size)

deny vmbus_post_msg
check "an open that does not reach the host fails" fails
check "nothing was sent" denied
check "the next one works" "$open" "$class" 1

close_in_vain
say closed
hear looked
check "the device does not open, because the host would not answer" busy
# pm_test ends a hibernation before it writes an image, and pm_async=0 lets the
# process that writes to "state" call each driver.
echo platform >/sys/power/pm_test
echo 0 >/sys/power/pm_async
deny vmbus_bus_suspend
check "a hibernation fails because the VMBus cannot be left" cancelled
check "the drivers were suspended" denied
check "the device still does not open" busy
say cancelled
hear sleep
check "the machine hibernates and comes back" hibernate
check "the device opens after the hibernation" "$open" "$class" 1
check "and an unbind leaks nothing, because the host has forgotten the memory" released

close_in_vain
check "the device is unbound" sh -c "echo $id >$driver/unbind"
check "its rings are not given to anybody else" logged "leaking $((size)) bytes of rings that the host did not release"
say unbound
hear offered
check "offered again, it is bound" within 10 bound "$class"
check "and opens" "$open" "$class" 1
check "nothing is leaked then" sh -c "rmmod uio_hv_generic && test \$(dmesg | grep -c leaking) = 1"
