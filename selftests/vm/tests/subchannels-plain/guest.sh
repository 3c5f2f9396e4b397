# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck source=script.sh
. /test/script.sh

# Run a session with two sub-channels. Both can be mapped, and both go when it
# ends.
session() {
	fresh
	keep_open
	host "wait-open;$(offered);$(both_open)"
	within 20 rings 3
	status=$?
	close_it
	wait "$pid"
	host "$(both_gone)"
	[ $status = 0 ] && within 10 so_many_channels 1
}

modprobe uio_hv_generic core_workarounds=0
check "the module leaves VMBus's own fields alone" grep -qx N /sys/module/uio_hv_generic/parameters/core_workarounds
echo "$class" >"$driver"/new_id
check "the device is bound" within 10 bound "$class"
check "it opens and closes" works
sessions=0
for _ in 1 2 3 4 5 6 7 8; do session && sessions=$((sessions + 1)); done
check "sessions with sub-channels: $sessions of 8" test $sessions = 8
fresh
keep_open
host "wait-open;$(offered);$(both_open)"
check "both sub-channels have ring files" within 20 rings 3
echo "${device##*/}" >"$driver"/unbind
close_it
wait "$pid"
host "$(both_gone)"
check "they go with an unbind" within 10 so_many_channels 1
echo "${device##*/}" >"$driver"/bind
check "the device works after it" works
fresh
keep_open
host "wait-open;$(offered);$(both_open)"
check "both sub-channels have ring files again" within 20 rings 3
host "rescind;sleep 300"
close_it
wait "$pid"
host "wait-released;offer;wait-offered"
check "the device works after the host took it back" works
check "rmmod" rmmod uio_hv_generic
check "by default the module works around VMBus" sh -c "modprobe uio_hv_generic && grep -qx Y /sys/module/uio_hv_generic/parameters/core_workarounds"
echo "$class" >"$driver"/new_id
check "the device works" works
host_is_done
