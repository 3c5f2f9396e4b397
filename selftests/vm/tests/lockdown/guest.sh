# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
lockdown=/sys/kernel/security/lockdown
# refused WHY: check that modprobe fails and prints the reason
refused() { ! modprobe uio_hv_generic >/tmp/said 2>&1 && cat /tmp/said && grep -q "$1" /tmp/said; }
logged() { dmesg | tail -n 5 | grep "$1"; }

mount -t securityfs securityfs /sys/kernel/security
check "hibernation is possible without Lockdown" sh -c '! grep -F "[disabled]" /sys/power/disk'
bind_class "$class"
for mode in integrity confidentiality; do
	echo $mode >$lockdown
	check "Lockdown is at $mode" grep -F "[$mode]" $lockdown
	start_echo "$class"
	say $mode
	wait "$pid"
	check "messages went both ways: $(tail -n 1 /tmp/echo.log)" echoed
done
check "hibernation is refused" grep -F "[disabled]" /sys/power/disk

rmmod uio_hv_generic
check "an unsigned module is refused: Operation not permitted" refused "Operation not permitted"
check "and the kernel says why" logged "Lockdown: .*unsigned module loading is restricted"
own=$(find "/lib/modules/$(uname -r)/kernel" -name 'uio_hv_generic.ko')
check "the kernel's own, signed module is taken" insmod "$own"
rmmod uio_hv_generic
echo 1 >/sys/module/module/parameters/sig_enforce
check "where signatures are enforced too: Key was rejected by service" refused "Key was rejected by service"
check "and the kernel says why" logged "Loading of unsigned module is rejected"
