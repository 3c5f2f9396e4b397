# SPDX-License-Identifier: GPL-2.0-only
export VMBUS_INSTANCE="$device_instance"
bind_class "$device_class"
check "each channel is masked, unmasked and signalled" "$programs/mask" "$device_class" 3 3
VMBUS_INSTANCE=$device2_instance
check "and none that has a monitor is signalled" "$programs/mask" "$device_class" 3 0
say over
hear finished
