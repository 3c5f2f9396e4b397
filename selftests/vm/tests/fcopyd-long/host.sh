# SPDX-License-Identifier: GPL-2.0-only
size=1000000
guest_says ready || exit 1
copy_is 0x80070013 "a read-only file system" --generate 5000:1 --source big --destination /tmp/ro/
copy_is 0x80070718 "more than the quota of root" --generate 10000000:1 --destination /tmp/ext4/big
copy_is 0x80070070 "more than the disk has" --generate 40000000:1 --source big --destination /tmp/fat/
tell refused
guest_says owner || exit 1
copy_is 0x80070718 "more than the quota of its owner" --generate 1000000:1 --source owned --destination /tmp/ext4/
tell owned
guest_says 'versions' || exit 1
sums=''
for i in 1 2; do
	copy_vmfile fcopy --generate $size:$i --source $i --destination /tmp/whole/ >version.out 2>&1 || note "$(tail -n 1 version.out)"
	sums="$sums$(sed -n 's/^sha256 //p' version.out) "
done
tell versions
said=$(guest_says sha | sed 's/^sha //')
check "SHA-256 of two versions" test "$said" = "$sums"

# Each copy replaces one version with the other.
for i in $(seq 10); do
	guest_says "powered $i" >/dev/null || exit 1
	"$bin/copy-vmfile" --timeout 30 fcopy.sock --generate "$size:$((i % 2 + 1))" --destination /tmp/ext4/k --force >"dark$i.out" 2>&1 &
	copy=$!
	tell "cut $i"
	wait $copy
	tell "dark $i"
done

guest_says whole >/dev/null || exit 1
copy_vmfile fcopy --generate 268435456:3 --destination /tmp/in/big >big.out 2>&1
check "256 MB are copied" status_is 0x00000000 big.out || note "$(tail -n 1 big.out)"
tell big
said=$(guest_says big | sed 's/^big //')
check "SHA-256 of what was sent and of what arrived" test "$said" = "$(sed -n 's/^sha256 //p' big.out)"
