# SPDX-License-Identifier: GPL-2.0-only
bind_fcopy_and_nic
names() { cat "$1"/uio/uio*/maps/map*/name | sed 's/:[0-9][0-9]*$/:/' | tr '\n' ' '; }
sizes() { cat "$1"/uio/uio*/maps/map*/size | tr '\n' ' '; }
check "the NIC's maps: $(names "$nic")" test "$(names "$nic")" = "txrx_rings int_page monitor_page recv: send: "
check "their sizes: $(sizes "$nic")" test "$(sizes "$nic")" = \
	"0x0000000000400000 0x0000000000001000 0x0000000000001000 0x0000000001f00000 0x0000000001000000 "
check "the fcopy device's maps: $(names "$fcopy")" test "$(names "$fcopy")" = "txrx_rings int_page monitor_page "
# Two rings, each with a page for its header
rings=$((2 * $(by_page 20480 32768 131072)))
check "their sizes: $(sizes "$fcopy")" test "$(sizes "$fcopy")" = \
	"$(printf '0x%016x' $rings) 0x0000000000001000 0x0000000000001000 "
ring() { stat -c '%s %a' "$1"/channels/*/ring; }
check "the ring file has the true size and mode: $(ring "$fcopy")" test "$(ring "$fcopy")" = "$rings 600"
check "the NIC is monitored" test -r "$nic/monitor_id"
check "the fcopy device is not" test ! -e "$fcopy/monitor_id"

# Everybody may read the files, so read them as an unprivileged user.
echo 'nobody:x:65534:65534::/tmp:/bin/sh' >/etc/passwd
addresses() { su nobody -c "cat $1/uio/uio*/maps/map*/addr" | sed 's/^0x0*$/0/' | tr '\n' ' '; }
check "a user finds no address of the NIC's maps: $(addresses "$nic")" test "$(addresses "$nic")" = "0 0 0 0 0 "
check "nor of the fcopy device's: $(addresses "$fcopy")" test "$(addresses "$fcopy")" = "0 0 0 "

check "a program finds nothing of the last one in the NIC's rings and buffers, and another open changes nothing" \
	"$programs/clean_maps" "$nic_class"

# NUMA balancing passes over a mapping with the flag mm, and would unmap the
# pages of another one from time to time. With io or pf the kernel could not
# pin the pages.
"$programs/hold_map" "$nic_class" uio >/tmp/held &
holder=$!
check "a program has mapped the NIC's rings" within 10 grep -q '^ready' /tmp/held
flags=$(awk '/\/dev\/uio/ { found = 1 } found && sub(/^VmFlags: */, "") { print; exit }' /proc/$holder/smaps)
flagged() { case " $flags " in *" io "* | *" pf "*) return 1 ;; *" mm "*) return 0 ;; *) return 1 ;; esac }
check "NUMA balancing passes over them, and their pages can be pinned: $flags" flagged
kill $holder
wait $holder

# Parts of mappings show only their own pages. The tests device and sizes have
# the other checks of uio_split.
split=$programs/uio_split
node=/dev/$(ls "$fcopy/uio")
exec 5<>"$node"
check "two pages of the interrupt page" "$split" single "$node" 4096
check "the ring file, made writable by mprotect" "$split" upgrade "$(echo "$fcopy"/channels/*/ring)" "$rings"
exec 5<&-
check "parts of a device whose driver has gone" "$split" gone "/dev/$(ls "$nic/uio")" "$(cat "$nic"/uio/uio*/maps/map0/size)" \
	"$driver/unbind" "${nic##*/}"
