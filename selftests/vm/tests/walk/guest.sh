# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
seconds=15 seed=$(date +%s)
case $(uname -r) in *debug*) seconds=60 ;; esac

bind_class "$class"
say walking "$seed"
check "a walk of $seconds s with seed $seed" "$programs/walk" "$class" $seconds "$seed"
while read -r line; do note "$line"; done </tmp/check.out
say walked
hear offered
device=$(vmbus_device "$class")
[ -e "$device/driver" ] || echo "${device##*/}" >"$driver/bind"
check "the device is bound in the end" within 10 bound "$class"
check "it opens" "$programs/open_close" "$class" 1
check "rmmod takes it away" rmmod uio_hv_generic
