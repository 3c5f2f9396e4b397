# SPDX-License-Identifier: GPL-2.0-only
guest_says ready || exit 1
copy_vmfile fcopy --generate 4000000:1 --source big.bin --destination /tmp/in/ >big.out
big=$?
copy_vmfile fcopy --generate 5000:2 --source 'Grüße 日本 🎉.txt' --destination /tmp/in >name.out
name=$?
tell copied
check "both copies report success" test $big$name = 00
said=$(guest_says sha)
sent="sha $(sed -n 's/^sha256 //p' big.out) $(sed -n 's/^sha256 //p' name.out)"
check "SHA-256 of what was sent and of what arrived" test "$said" = "$sent"
