# SPDX-License-Identifier: GPL-2.0-only
class=$device_class

# The limits of a ring, another small size, and the defaults
smallest=$((2 * page)) small=$((4 * page)) largest=$(by_page 2097152 16777216 16777216)
fcopy_ring=$(by_page 20480 32768 131072) other_ring=$(by_page 69632 98304 196608)
# The largest buffer, which a GPADL describes in 8190 pages of 4 KiB
largest_buffer=$((33546240 / page * page))

node() { set -- "$1"/uio/uio*; echo "/dev/${1##*/}"; }
map_size() { echo $(($(cat "$1"/uio/uio*/maps/map"$2"/size))); }
map_name() { cat "$1"/uio/uio*/maps/map"$2"/name; }
set_to() { echo "$1" >"$2"; }
is() { [ "$(cat "$1")" = "$2" ] || { cat "$1" && false; }; }
# refused ERROR VALUE FILE: check that the write fails with this error and does
# not change the file
refused() {
	before=$(cat "$3")
	if { echo "$2" >"$3"; } 2>/tmp/refused; then
		echo "'$2' was taken"
		return 1
	fi
	read -r error </tmp/refused
	echo "'$2': $error"
	case $error in *"$1"*) [ "$before" = "$(cat "$3")" ] ;; *) false ;; esac
}
# refused_for REASON VALUE FILE: check that the write fails with EINVAL, and
# that the reason is the last line of the kernel log, apart from lines of the
# debug kernel about kobjects
refused_for() {
	refused "Invalid argument" "$2" "$3" || return
	dmesg | grep -v '] kobject: ' | tail -n 1 >/tmp/reason
	read -r reason </tmp/reason
	echo "'$2': $reason"
	case $reason in *uio_hv_generic*"$1"*) ;; *) false ;; esac
}
# all_refused FILE CLASS: check that all impossible ring sizes are refused.
# CLASS is empty for the file of a device.
all_refused() {
	for value in "too large:$((2 * largest))" "too large:99999999999999999999" "too large:18446744073709559808" "too small:$page" \
		"too small:0" "not a multiple of the page size:$((smallest + 1))" "not a number:-8192" "not a number:8192k" "not a number:"; do
		refused_for "${value%%:*}" "$2${value#*:}" "$1" || return
	done
}
# ring_is SIZE: whether everything in the guest shows this ring size
ring_is() {
	cat "$files/ring_size" && map_size "$device" 0 && stat -c '%s %a' "$ring" &&
		[ "$(cat "$files/ring_size")" = "$1" ] && [ "$(map_size "$device" 0)" = $(($1 * 2)) ] &&
		[ "$(stat -c '%s %a' "$ring")" = "$(($1 * 2)) 600" ]
}
# rings_are SIZE COUNT: whether COUNT channels have a ring file, and fstat()
# shows two rings of this size for each
rings_are() {
	count=0
	for file in "$device"/channels/*/ring; do
		exec 9<"$file" || return
		found=$(stat -L -c '%s %a' /dev/fd/9)
		exec 9<&-
		echo "$file: $found"
		[ "$found" = "$(($1 * 2)) 600" ] || return
		count=$((count + 1))
	done
	[ $count = "$2" ]
}
# echoes NAME SIZE: run the echo program for the host, which offers two
# sub-channels, until the host has finished. The host sees only 4 KiB of the
# page that begins a ring.
echoes() {
	start_echo "$class"
	say "$1 $(($2 - page + 4096))"
	hear "$1"
	check "$1: the ring files of three channels have the true size" rings_are "$2" 3
	say "$1 seen"
	wait "$pid"
	check "$1: $(tail -n 1 /tmp/echo.log)" echoed
}
# attributes: list the files of the primary channel except the ring, with name,
# inode, mode and owner
attributes() {
	for file in "${ring%/ring}"/*; do
		case $file in */ring) ;; *) stat -c '%n %i %a %u' "$file" ;; esac
	done
}
same_attributes() { attributes >/tmp/after && diff /tmp/before /tmp/after; }

modprobe uio_hv_generic
check "the query: what the kernel prefers" grep -qx "$fcopy_class $fcopy_ring" "$driver/ring_size"
check "the query: the default" grep -qx "$nic_class 2097152" "$driver/ring_size"
check "the query: 15 classes have it" test "$(grep -c ' 2097152$' "$driver/ring_size")" = 15
check "the query: any other class" grep -qx "other $other_ring" "$driver/ring_size"
check "a class gets a size before anything is bound" set_to "$class 1048576" "$driver/ring_size"
check "and the query says so" grep -qx "$class 1048576" "$driver/ring_size"
check "bad sizes for a class are refused, each with its reason" all_refused "$driver/ring_size" "$class "
for value in "$smallest" "{$class} $smallest" "${class}$smallest"; do
	check "'$value' names no class and size" refused_for "GUID of a class" "$value" "$driver/ring_size"
done
# others FIRST LAST SIZE: set the size of classes that do not exist
others() {
	for n in $(seq "$1" "$2"); do set_to "7d3c5a10-41b2-4f0e-9a6c-0000000000$n $3" "$driver/ring_size" || return; done
}
check "31 classes more get a size" others 11 41 "$smallest"
check "one more does not" refused "No space" "7d3c5a10-41b2-4f0e-9a6c-000000000042 $smallest" "$driver/ring_size"
check "they go back to their default" others 11 41 default
check "and are forgotten" sh -c "! grep 0000000000 $driver/ring_size"

echo "$class" >"$driver/new_id"
check "the device is bound" within 10 bound "$class"
files=$device/uio_hv_generic
channel=$(echo "$device"/channels/*)
ring=$channel/ring
check "its ring file is there" within 10 test -e "$ring"
check "its rings have the size of the class" ring_is 1048576
check "it is closed" is "$files/state" closed
check "a device has two files: $(ls "$files" | tr '\n' ' ')" test "$(ls "$files" | tr '\n' ' ')" = "ring_size state "
echoes large 1048576
check "no sub-channel is left" within 10 rings_are 1048576 1

# A new size keeps the owner and mode of files. In the test device, device.sh
# checks that it is refused while the device is open or mapped.
chmod 600 "${ring%/ring}/cpu"
chown 1000 "${ring%/ring}/cpu"
attributes >/tmp/before
check "another size is taken" set_to "$small" "$files/ring_size"
check "and is everywhere" ring_is "$small"
check "the channel's other files are as they were" same_attributes
check "the smallest is taken" set_to "$smallest" "$files/ring_size"
check "the smallest is everywhere" ring_is "$smallest"
echoes small "$smallest"
check "no sub-channel is left again" within 10 rings_are "$smallest" 1
check "the channel's other files are still as they were" same_attributes
check "bad sizes for a device are refused, each with its reason" all_refused "$files/ring_size" ""
check "default is the size of the class" set_to default "$files/ring_size"
check "which is everywhere" ring_is 1048576

free() { awk '/^MemFree/ { print $2 }' /proc/meminfo; }
back_and_forth() {
	for _ in $(seq "$1"); do
		set_to "$largest" "$files/ring_size" && set_to "$small" "$files/ring_size" || return
	done
}
check "the largest and another, 3 times" back_and_forth 3
before=$(free)
check "and 10 times" back_and_forth 10
after=$(free)
check "which costs no memory: $((before - after)) kB" test $((before - after)) -lt $((4 * largest / 1024))

interrupts=$(cat "$channel/interrupts") signals=$(cat "$channel/events")
exec 5<>"$(node "$device")"
exec 6<>"$(node "$device")"
say counting
patience=10
for n in 1 2 3 4 5; do
	within $patience is "$channel/interrupts" $((interrupts + n)) >/tmp/interrupts || patience=1
	say "event $n"
done
check "five interrupts" is "$channel/interrupts" $((interrupts + 5))
check "UIO has counted them too" test "$(cat "$device"/uio/uio*/event)" -ge 5
for _ in 1 2 3 4 5 6 7; do printf '\001\000\000\000' >&5; done
for _ in 1 2 3; do printf '\000\000\000\000' >&5; done
check "no signal by writes while the host has nothing to look at" is "$channel/events" "$signals"
say signalled
exec 5<&-
check "open while one of two opens is left" is "$files/state" open
exec 6<&-
check "closed after both" is "$files/state" closed

# The files disappear with the driver. An open file must not use freed memory.
exec 8<"$files/ring_size"
echo "${device##*/}" >"$driver/unbind"
check "the files are gone after unbinding" test ! -e "$files"
check "a file held open gives an error" sh -c '! cat <&8'
exec 8<&-
echo "${device##*/}" >"$driver/bind"
check "bound again, it has its ring file" within 10 test -e "$ring"
check "and the size of the class" ring_is 1048576
check "the class gets its default back" set_to "$class default" "$driver/ring_size"
check "which the device can take" sh -c "echo default >'$files/ring_size'"
check "and has then" ring_is "$other_ring"

# The next checks are about the buffers of a NIC.
# nic_maps RECV SEND: whether the NIC's maps have these sizes
nic_maps() { map_size "$nic" 3 && map_size "$nic" 4 && [ "$(map_size "$nic" 3) $(map_size "$nic" 4)" = "$1 $2" ]; }
check "receive buffers are set before a NIC is bound" set_to "$largest_buffer" "$driver/recv_size"
check "and send buffers" set_to "$page" "$driver/send_size"
check "a buffer larger than a GPADL is refused" refused_for "too large" $((largest_buffer + page)) "$driver/recv_size"
check "a buffer is refused that is no multiple of a page" refused_for "not a multiple" $((page + 1)) "$driver/send_size"
nic=$(vmbus_device "$nic_class")
give_to_uio "$nic"
check "the NIC's buffers have these sizes" nic_maps "$largest_buffer" "$page"
check "the files are those of any device: $(ls "$nic/uio_hv_generic" | tr '\n' ' ')" \
	test "$(ls "$nic/uio_hv_generic" | tr '\n' ' ')" = "ring_size state "
recv=$(map_name "$nic" 3) send=$(map_name "$nic" 4)
check "their names have their handles: $recv $send" sh -c "echo '$recv $send' | grep -qxE 'recv:[0-9]+ send:[0-9]+'"
say "buffers ${recv#*:} $largest_buffer ${send#*:} $page"
hear seen
check "other sizes are set" sh -c "echo 4194304 >$driver/recv_size && echo 1048576 >$driver/send_size"
check "the bound NIC keeps what it has" nic_maps "$largest_buffer" "$page"
echo "${nic##*/}" >"$driver/unbind"
echo "${nic##*/}" >"$driver/bind"
check "bound again, it has the others" nic_maps 4194304 1048576
check "the receive buffer can be mapped and cut" "$programs/uio_split" recv "$(node "$nic")" 4194304
check "rmmod" rmmod uio_hv_generic
# The debug kernel keeps the driver's directory for some seconds.
within 20 test ! -e "$driver"
check "what user space chose goes with the module" sh -c \
	"modprobe uio_hv_generic && ! grep -q $class $driver/ring_size && test \$(cat $driver/recv_size) = 32505856"
