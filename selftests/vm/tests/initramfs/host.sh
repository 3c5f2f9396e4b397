# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
nic_start nic
boot=0
while [ $boot -lt 13 ]; do
	boot=$((boot + 1))
	guest_says "up $boot\$" || exit 1
	copy_vmfile fcopy --generate "100000:$boot" --source file --destination "/srv/file-$boot" >copy.out 2>&1 || note "boot $boot: $(cat copy.out)"
	tell "copied $boot"
done
check "the guest has broken no rule with its NIC" nic expect complaints 0 0
