# SPDX-License-Identifier: GPL-2.0-only
program=$programs/dpdk_abi
devices=/sys/bus/vmbus/devices
monitored=$nic_instance plain=$nic2_instance

offered() { [ -e $devices/"$monitored" ] && [ -e $devices/"$plain" ] && vmbus_device "$fcopy_class" >/dev/null; }
check "the devices are offered" within 10 offered
modprobe uio_hv_generic
give_to_uio $devices/"$monitored" $devices/"$plain"
rings() { [ "$(ls -d $devices/"$monitored"/channels/*/ring $devices/"$plain"/channels/*/ring 2>/dev/null | wc -l)" = 2 ]; }
check "the NICs are bound" within 10 rings

# With DEBUG_KOBJECT_RELEASE the directory of a sub-channel stays for up to four
# seconds after VMBus has released the relid. VMBus cannot add a directory for
# the same relid meanwhile.
pause=0
case $(uname -r) in *debug*) pause=5 ;; esac
relay "$program" monitored "$monitored" 3 $pause
relay "$program" plain "$plain" 3 $pause
# The host still asks the second device for its statistics.
hear checked
