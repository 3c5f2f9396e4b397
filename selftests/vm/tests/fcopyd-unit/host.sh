# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
guest_says ready 250 || exit 1
copy_vmfile fcopy --generate 6000000:1 --name big --directory /srv/new/ --create-path >big.out 2>&1 || note "$(cat big.out)"
tell big
guest_says plain || exit 1
copy_vmfile fcopy --generate 5000:1 --name plain --directory /srv/ >plain.out 2>&1 || note "$(cat plain.out)"
copy_vmfile fcopy --generate 5000:1 --name old --directory /srv/ >old.out 2>&1 || note "$(cat old.out)"
copy_vmfile fcopy --generate 5000:1 --name old --directory /srv/ >exists.out 2>&1
copy_vmfile fcopy --generate 3000:1 --name old --directory /srv/ --overwrite >forced.out 2>&1 || note "$(cat forced.out)"
tell copied
guest_says again || exit 1
copy_vmfile fcopy --generate 5000:1 --name last --directory /srv/ >last.out 2>&1
check "copies after it was stopped and started" grep -q '^status 0x00000000' last.out
tell end
