# SPDX-License-Identifier: GPL-2.0-only
facts=$(guest_says facts) || exit 1
name='Grüße 日本 🎉.txt'
copy_vmfile fcopy --generate 20000000:1 --destination /srv/big.bin --create-full-path >big.out
status=$?
copy_vmfile fcopy --generate 5000:2 --source "$name" --destination /srv/ >name.out
status=$status$?
tell copied
said=$(guest_says sha)
check "both copies report success" test $status = 00
value() { sed -n "s|^$2 ||p" "$1"; }
check "SHA-256 sent and arrived" test "$said" = "sha $(value big.out sha256) $(value name.out sha256)"
# shellcheck disable=SC2086 # words
set -- $facts
note "table     device   $2 (fcopy), Linux $7"
note "table     driver   $3 $4"
note "table     ring     $5 bytes each way"
note "table     memory   $6 bytes of rings and buffers"
# shellcheck disable=SC2086 # words
set -- $said
note "table "
# The table leaves out how long a copy took: an emulated host's clock says
# nothing about Hyper-V. The second name fills 17 columns of a terminal.
note "table     file                    bytes   SHA-256 in the guest"
note "table     $(printf '%-20s  %8s   %.16s...' big.bin "$(value big.out bytes)" "$2")"
note "table     $(printf '%s     %8s   %.16s...' "$name" "$(value name.out bytes)" "$3")"
