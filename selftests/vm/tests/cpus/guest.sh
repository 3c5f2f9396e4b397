# SPDX-License-Identifier: GPL-2.0-only
class=$device_class
bind_class "$class"
start_echo "$class"
hear "sub-channels"
check "the sub-channels have rings" within 10 rings 3
say traffic
moved=0
# move CPU: move all channels to this processor, and wait until VMBus confirms
# it. VMBus sends no message for a channel that is there already.
move() {
	local channel
	for channel in "$device"/channels/*; do
		are_on "$1" "$channel" || moved=$((moved + 1))
		echo "$1" >"$channel/cpu" && are_on "$1" "$channel" || return
	done
}
# are_on CPU [CHANNEL]: whether the channel is on the processor, or all are
are_on() {
	local channel
	for channel in ${2:-"$device"/channels/*}; do [ "$(cat "$channel/cpu")" = "$1" ] || return; done
}
back_and_forth() {
	for _ in $(seq 40); do move 1 && nap && move 0 && nap || return; done
}
# interrupts CPU: print how many interrupts of VMBus this processor has had
interrupts() { awk -v column=$(($1 + 2)) '$1 == "HYP:" { print $column }' /proc/interrupts; }
# came CPU: whether this processor has had ten interrupts more than $here
came() { [ $(($(interrupts "$1") - here)) -ge 10 ]; }
# come_to CPU: move all channels to this processor, wait for ten interrupts
# there, and check that hardly one comes to the other processor meanwhile
come_to() {
	local here there
	move "$1" && sleep 1 || return
	here=$(interrupts "$1") there=$(interrupts $((1 - $1)))
	by_clock 60 came "$1"
	here=$(($(interrupts "$1") - here)) there=$(($(interrupts $((1 - $1))) - there))
	echo "$here, and $there to the other one"
	[ $here -ge 10 ] && [ $here -gt $((5 * there)) ]
}
check "the interrupts come to processor 1" come_to 1
note "$(cat /tmp/check.out)"
check "and then to processor 0" come_to 0
note "$(cat /tmp/check.out)"
check "interrupts of three channels move 80 times between two processors" back_and_forth
online=/sys/devices/system/cpu/cpu1/online
is_online() { [ "$(cat $online)" = "$1" ]; }
goes_and_comes() {
	for _ in 1 2 3; do
		echo 0 >$online && nap && is_online 0 && echo 1 >$online && nap || return
	done
}
# moves_channels: whether the kernel moves the channels of a processor that goes
# offline. Linux does so since 6.15 if the host confirms the move, which needs
# VMBus 5.3. Otherwise Linux does not take the processor offline.
moves_channels() {
	uname -r | awk -F '[.-]' '{ exit !($1 * 1000 + $2 >= 6015) }' && [ "$(offered_vmbus | tr -d .)" -ge 53 ]
}
# refused: try to take processor 1 offline, while its channels are in use
refused() {
	(echo 0 >$online) 2>&1 | tee /tmp/refused
	grep -q 'Device or resource busy' /tmp/refused && is_online 1 && are_on 1
}
# goes: take processor 1 offline, while its channels are in use
goes() {
	echo 0 >$online && is_online 0 && are_on 0 && moved=$((moved + 3))
}
check "all channels are on processor 1" move 1
if moves_channels; then
	check "processor 1 goes offline, and the kernel moves its channels to processor 0" goes
	check "it comes back" sh -c "echo 1 >$online"
	check "without channels" are_on 0
else
	check "the kernel does not take processor 1 offline, because it has channels (EBUSY)" refused
fi
check "no channel is on processor 1 now" move 0
# Before VMBus 5.3 nobody knows when the host interrupts the new
# processor, and an interrupt for one that is offline is lost.
sleep 1
check "processor 1 goes and comes back three times" goes_and_comes
check "the channels still answer on processor 1" move 1
say "moved $moved"
wait "$pid"
check "the echo program ended as the host asked: $(tail -n 1 /tmp/echo.log)" echoed
