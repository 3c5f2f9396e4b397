# SPDX-License-Identifier: GPL-2.0-only
first=/sys/bus/vmbus/devices/$device_instance/id
second=/sys/bus/vmbus/devices/$device2_instance/id
third=/sys/bus/vmbus/devices/$fcopy_instance/id
offered() { [ -e "$first" ] && [ -e "$second" ] && [ -e "$third" ]; }
relids() { echo "$(cat "$first") $(cat "$second") $(cat "$third")"; }

# offer_is INSTANCE FIELDS: whether the offer of this device has these fields.
# The connection id is 0x2000 and the relid, and the emulated host adds 0x100
# for each connection (hyperv/offer.c).
offer_is() {
	dmesg | sed -n "s/.*offer: $1 relid \([0-9]*\) connection \(0x[0-9a-f]*\) /\1 \2 /p" >/tmp/offer
	read -r relid connection fields </tmp/offer
	echo "relid $relid, connection id $connection, $fields"
	[ "$fields" = "$2 dedicated 1 sub-channel 0" ] && [ $((connection & 0xf0ff)) = $((0x2000 + relid)) ]
}

check "all devices are offered" within 10 offered
check "a module looks at their offers" insmod /offer.ko
none='00 00 00 00 00 00 00 00'
for offer in \
	"$fcopy_instance|a pipe of messages (flags 0x11, pipe type 4), without a monitor (255)|flags 0x11 user-defined 04 00 00 00 00 00 00 00 monitor 255 allocated 0" \
	"$device_instance|no pipe (flags 0), without a monitor (255)|flags 0x0 user-defined $none monitor 255 allocated 0" \
	"$device2_instance|no pipe (flags 0), with a monitor|flags 0x0 user-defined $none monitor $(($(cat "$second") - 1)) allocated 1"; do
	what=${offer#*|}
	check "offered as ${what%|*}, with its own connection id and interrupt" offer_is "${offer%%|*}" "${what#*|}"
done
rmmod offer

# The host gives each device the lowest free relid when it offers it. So relids
# show the order of the offers, which is that of the classes and the instances.
in_order() {
	relids
	[ "$(relids)" = "2 3 1" ]
}
check "the devices come in the order of their classes and instances" in_order
reconnect() { modprobe -r hv_vmbus && modprobe hv_vmbus && within 10 offered && in_order; }
check "and so they do when VMBus connects to the host again" reconnect
