# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# The guest.sh of each test sources this file if the test holds a process or a
# worker in the middle of a function, and tells the host what to do meanwhile.
class=$device_class
driver=/sys/bus/vmbus/drivers/uio_hv_generic
last=0 number=0

# host "COMMAND;COMMAND...": let the host run these commands of vmbus-host
host() {
	number=$((number + 1))
	say "host $number $1"
	hear "did $number"
}
host_is_done() { say "host is done"; }

# hold process|worker start|end FUNCTION: hold the first process or worker that
# reaches this place. The module $holder does so; a second one needs another
# name.
holder=hold
hold() {
	insmod /$holder.ko worker="$([ "$1" = worker ] && echo 1 || echo 0)" end="$([ "$2" = end ] && echo 1 || echo 0)" at="$3"
}
held() { cat /sys/module/$holder/parameters/held; }
is_held() { [ "$(held)" = 1 ]; }
wait_held() { within 20 is_held || echo "nothing came there"; }
let_go() {
	echo "held $(held)"
	was=$(held)
	echo 1 >/sys/module/$holder/parameters/go
}
# The module can be removed when nothing is held in it any more.
was_held() { rmmod $holder && [ "$was" = 1 ]; }

# Use two new sub-channels, because the debug kernel keeps the directories of
# former ones for some seconds.
fresh() {
	first=$((last % 60 + 1))
	last=$((first + 1))
}
offered() { echo "offer-sub $last $first"; }
both_open() { echo "channel $first;wait-open;channel $last;wait-open"; }
both_gone() { echo "channel $first;wait-released;channel $last;wait-released"; }

# so_many_channels N: whether the device has N channels, including the primary
so_many_channels() { [ "$(ls "$device/channels" 2>/dev/null | wc -l)" = "$1" ]; }
# keep_open: start a process, $pid, that has the device open until close_it
keep_open() {
	rm -f /tmp/close
	(
		exec 5<>"/dev/$(ls "$device/uio")"
		until [ -e /tmp/close ]; do nap; done
		exec 5>&-
	) &
	pid=$!
}
close_it() { : >/tmp/close; }

# works: check that the device is bound, can be opened and closed, and has no
# channel except the primary
works() {
	within 20 bound "$class" && "/usr/libexec/hyperv-uio/selftests/uio/open_close" "$class" 1 && within 10 so_many_channels 1
}
