# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
for boot in 1 2 3 4 5 6 7 8 9 10; do
	guest_says "up $boot\$" || exit 1
	copy_vmfile fcopy --generate "100000:$boot" --source file --destination "/srv/file-$boot" >copy.out 2>&1 || note "boot $boot: $(cat copy.out)"
	tell "copied $boot"
done
