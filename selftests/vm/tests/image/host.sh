# SPDX-License-Identifier: GPL-2.0-only
host() { vmbus_host device "$@"; }
# cleared: check that the end of the NIC's ring is clear, although a program
# wrote to it before the guest hibernated
cleared() {
	vmbus_host nic wait-open status >nic.out || return 1
	cat nic.out
	vmbus_host nic "raw-expect rx $(($(sed -n 's/.* rx //p' nic.out) - 1)) 00" signal
}

check "the guest opens it, and messages come back" host wait-open "send 64 1000" "echo 1000"
check "sub-channels on demand" host "offer-sub 2" "channel 2" wait-open
# The guest may take minutes to write its image.
"$bin/copy-vmfile" --timeout "$timeout" fcopy.sock --generate 50000000:1 --source late --destination /tmp/ >late.out 2>&1 &
late=$!
# A sub-channel of the device will get the present number of its primary.
change device,relid=1 fcopy,relid=4 nic,relid=5
tell sleep
guest_says awake || exit 1
wait "$late"
check "QEMU ended, with the copy that was under way" grep -q "the device has closed the connection\|the guest has closed the device\|^status 0x8" late.out
check "the NIC opens with rings that are empty" cleared
tell sub-channels
check "messages come back, and the guest signals in the monitor page" host wait-open "send 64 1000" "echo 1000" "expect-stat monitor-signals 1"
check "also on new sub-channels" host "offer-sub 2" "channel 2" wait-open "channel 1" wait-open "send 64 100" "sync"
tell opened
guest_says "has sub-channels" >/dev/null || exit 1
check "the program ends" host "send-hex 7175697400000000" wait-close
check "hv-fcopyd copies" copy_vmfile fcopy --generate 100000:1 --destination /tmp/file
tell copied

check "the guest opens the device once more" host wait-open "offer-sub 2" "channel 2" wait-open
change device,relid=3,offered=off fcopy,relid=2,offered=off nic,relid=1
tell "sleep again"
guest_says missing || exit 1
check "the host offers the device after all" host offer wait-offered
check "and the file copy device" vmbus_host fcopy offer wait-offered
tell offered
check "messages come back from the device" host wait-open "send 64 1000" "echo 1000" "send-hex 7175697400000000"
check "hv-fcopyd copies to it" copy_vmfile fcopy --generate 100000:1 --destination /tmp/file2
tell "copied again"
