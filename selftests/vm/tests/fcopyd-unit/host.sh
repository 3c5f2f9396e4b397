# SPDX-License-Identifier: GPL-2.0-only
guest_says bare || exit 1
vmbus_host fcopy offer wait-offered >offer.out 2>&1 || note "$(cat offer.out)"
guest_says ready || exit 1
# The guest looks at the daemon's state in the middle of this copy.
mkfifo go
exec 8<>go
rm go
copy_vmfile fcopy --generate 6000000:1 --wait-after 3000000 --source big --destination /srv/new/ --create-full-path <&8 >big.out 2>&1 &
guest_says seen || { echo >&8 && exit 1; }
echo >&8
wait $! || note "$(cat big.out)"
exec 8>&-
tell big
guest_says plain || exit 1
copy_vmfile fcopy --generate 5000:1 --source plain --destination /srv >plain.out 2>&1 || note "$(cat plain.out)"
copy_vmfile fcopy --generate 5000:1 --source old --destination /srv/ >old.out 2>&1 || note "$(cat old.out)"
copy_vmfile fcopy --generate 5000:1 --destination /srv/old >exists.out 2>&1
copy_vmfile fcopy --generate 3000:1 --destination /srv/old --force >forced.out 2>&1 || note "$(cat forced.out)"
copy_is 0x80070005 "an immutable directory" --generate 5000:1 --source file --destination /srv/fixed
copy_is 0x80070005 "the same with -CreateFullPath" --generate 5000:1 --destination /srv/fixed/new/file --create-full-path
copy_is 0x80070005 "an immutable file, with -Force" --generate 5000:1 --destination /srv/fixed.bin --force
tell copied
guest_says awake || exit 1
copy_vmfile fcopy --generate 5000:1 --source slept --destination /srv/ >slept.out 2>&1 || note "$(cat slept.out)"
tell slept
guest_says stopped || exit 1
check "service off: the copy fails, as nobody has the device open" \
	sh -c '"$@" >late.out 2>&1; test $? = 3 && grep -q "was not opened by the guest" late.out' sh \
	"$bin/copy-vmfile" --timeout 3 fcopy.sock --generate 5000:1 --source late --destination /srv/
tell tried
guest_says again || exit 1
tell once
guest_says half || exit 1
copy_vmfile fcopy --generate 50000000:1 --source half --destination /srv/half/ >half.out 2>&1
check "restarted in the middle of a copy: the host learns of it" grep -q '^write 0x800704d3\|: the guest has closed the device$' half.out
note "$(grep '^write\|^copy-vmfile' half.out | tail -n 1)"
tell cut
guest_says restarted || exit 1
copy_vmfile fcopy --generate 5000:1 --destination /srv/last >last.out 2>&1
check "copies after it was stopped and started" grep -q '^status 0x00000000' last.out
tell end
guest_says logging || exit 1
copy_vmfile fcopy --generate 5000:1 --destination /srv/by-hand >logged.out 2>&1 || note "$(cat logged.out)"
tell logged
