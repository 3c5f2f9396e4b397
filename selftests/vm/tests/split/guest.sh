# SPDX-License-Identifier: GPL-2.0-only
split=$programs/uio_split
bind_fcopy_and_nic
node() { set -- "$1"/uio/uio*; echo "/dev/${1##*/}"; }
size() { cat "$1"/uio/uio*/maps/map"$2"/size; }
# If the driver was loaded first, the ring files appear a moment later.
ring_there() { [ -e "$(echo "$fcopy"/channels/*/ring)" ]; }
check "the ring file is there" within 10 ring_there
# A ring file can be mapped while the device is open.
exec 5<>"$(node "$fcopy")"
ring=$(echo "$fcopy"/channels/*/ring)
check "the rings, in parts" "$split" cuts "$(node "$fcopy")" "$(size "$fcopy" 0)"
check "two pages of the interrupt page" "$split" single "$(node "$fcopy")" 4096
check "the receive buffer of a NIC, in parts" "$split" recv "$(node "$nic")" "$(size "$nic" 3)"
check "the ring file, in parts" "$split" cuts "$ring" "$(size "$fcopy" 0)"
check "the ring file, made writable by mprotect" "$split" upgrade "$ring" "$(size "$fcopy" 0)"
check "the rings, made writable by mprotect" "$split" upgrade "$(node "$fcopy")" "$(size "$fcopy" 0)"
exec 5<&-
check "parts of a device whose driver has gone" "$split" gone "$(node "$nic")" "$(size "$nic" 0)" \
	/sys/bus/vmbus/drivers/uio_hv_generic/unbind "${nic##*/}"
