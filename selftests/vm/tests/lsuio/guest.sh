# SPDX-License-Identifier: GPL-2.0-only
in_trixie() {
	program=/lsuio/$1
	shift
	/lsuio/ld-linux-x86-64.so.2 --library-path /lsuio "$program" "$@"
}
bind_fcopy_and_nic
bound() { [ "$(ls -d /sys/class/uio/uio* | wc -l)" = 2 ]; }
check "both are bound" within 10 bound

# lsuio 0.3.0 frees a pointer that it has moved, and aborts at its end in any
# case, so ignore its status.
in_trixie lsuio -v >/tmp/list 2>/dev/null
check "lsuio lists them" test "$(grep -c '^Name *: uio_hv_generic$' /tmp/list)" = 2
check "with the module's version" test "$(grep -c "^Version *: $(cat /test/VERSION)$" /tmp/list)" = 2
check "with their nodes: $(sed -n 's/^DevNode *: //p' /tmp/list | tr '\n' ' ')" \
	test "$(sed -n 's/^DevNode *: //p' /tmp/list | tr '\n' ' ')" = "/dev/uio0 /dev/uio1 "
sizes() { for map in /sys/class/uio/uio*/maps/map*; do printf '%d ' "$(cat "$map/size")"; done; }
listed() { sed -n 's/^ *size *: *\(0x[0-9a-f]*\).*/\1/p' /tmp/list | while read -r size; do printf '%d ' "$size"; done; }
check "with the sizes of all maps: $(listed)" test "$(listed)" = "$(sizes)"
in_trixie lsuio -a >/tmp/access 2>/dev/null
check "lsuio opens and closes them" test "$(grep -c '^open *: OK' /tmp/access)$(grep -c '^close *: OK' /tmp/access)" = 22
say opening
hear open
check "libuio opens them, maps all maps and gets an interrupt of each" in_trixie client
while read -r line; do note "$line"; done </tmp/check.out
