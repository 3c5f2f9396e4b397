# SPDX-License-Identifier: GPL-2.0-only
selftests=/usr/libexec/hyperv-uio/selftests
# collection PATTERN: run the collection, and return whether its line about
# device.sh matches
collection() {
	"$selftests/run_kselftest.sh" -c uio >/tmp/uio.log 2>&1
	status=$?
	cat /tmp/uio.log
	grep -q "$1" /tmp/uio.log && [ $status = 0 ]
}
bound() { ls "$device"/channels/*/ring; }

check "the device is offered" within 10 vmbus_device "$fcopy_class"
device=$(vmbus_device "$fcopy_class")
check "unbound, it is skipped, and the reason said" collection "SKIP.*is not bound to uio_hv_generic"
modprobe uio_hv_generic
give_to_uio "$device"
within 10 bound
check "bound, all of it passes" collection '^ok [0-9]* selftests: uio: device.sh$'
