# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
bind_class "$class" "$nic_class"
maps() { [ "$(ls -d "$(vmbus_device "$1")"/uio/uio*/maps/map* 2>/dev/null | wc -l)" = "$2" ]; }
# channels N: whether VMBus has this number of channels of the device
channels() { [ "$(ls -d "$(vmbus_device "$class")"/channels/* 2>/dev/null | wc -l)" = "$1" ]; }
hibernate() { echo disk >/sys/power/state; }

nic=$(vmbus_device "$nic_class")
state_is() { cat "$nic/uio_hv_generic/state" && [ "$(cat "$nic/uio_hv_generic/state")" = "$1" ]; }
# This suspends and resumes every device and VMBus itself, without writing an
# image.
echo platform >/sys/power/pm_test

start_echo "$class"
hear "sleep open"
# The NIC is open, and no program reads it.
exec 5<>"/dev/$(ls "$nic/uio")"
check "open with sub-channels, the machine hibernates and comes back" hibernate
wait "$pid"
check "what was open is lost" state_is lost
exec 5>&-
check "until it is closed" state_is closed
check "the program heard of it: $(tail -n 1 /tmp/echo.log)" grep -q '^end No such device' /tmp/echo.log
say "awake open"
hear "sleep closed"
check "closed, it hibernates and comes back" hibernate
check "both are still bound" sh -c "test $(ls -d /sys/bus/vmbus/drivers/uio_hv_generic/*-*-* | wc -l) = 2"
check "the NIC opens" "$programs/open_close" "$nic_class" 1
start_echo "$class"
wait "$pid"
check "the sub-channels went with the last close" within 10 channels 1
# VMBus has seen the last sub-channel go. Therefore its suspend does not wait
# for the next ones, which the host takes back slowly.
start_echo "$class"
hear "sleep slow"
check "open with other sub-channels, it hibernates" hibernate
wait "$pid"
check "the program heard of it once more: $(tail -n 1 /tmp/echo.log)" grep -q '^end No such device' /tmp/echo.log
check "no sub-channel is left" channels 1
say "awake slow"
hear "sleep withheld"
check "it hibernates, and the host offers neither the device nor the NIC again" hibernate
opens() { timeout 20 "$programs/open_close" "$1" 1 >/tmp/open.log 2>&1; }
opens "$class"
check "opening the device fails at once (exit status $?)" grep -q 'open 0 (errno 19' /tmp/open.log
opens "$nic_class"
check "opening the NIC fails at once (exit status $?)" grep -q 'open 0 (errno 19' /tmp/open.log
check "the NIC's state says so" state_is failed
no_device() { ! (echo "$1" >"$2") 2>/tmp/refused && grep -i 'no such device' /tmp/refused; }
check "it takes no size" no_device 65536 "$nic/uio_hv_generic/ring_size"
check "it is unbound" sh -c "echo ${nic##*/} >$nic/driver/unbind"
check "it is not bound while it is not offered" no_device "${nic##*/}" /sys/bus/vmbus/drivers/uio_hv_generic/bind
say withheld
hear offered
check "the device opens when the host offers it" within 10 opens "$class"
bind_nic() { echo "${nic##*/}" >/sys/bus/vmbus/drivers/uio_hv_generic/bind; }
check "the NIC is bound when the host offers it" within 10 bind_nic
check "with its buffers" within 10 maps "$nic_class" 5
check "and opens" opens "$nic_class"
hear "sleep unload"
check "the machine hibernates although UNLOAD takes 50 s" lasts 4800 15000 hibernate
check "and the device works afterwards" within 20 opens "$class"
say "awake unload"
check "rmmod takes them away" rmmod uio_hv_generic
