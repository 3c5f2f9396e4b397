# SPDX-License-Identifier: GPL-2.0-only
check "the device is bound and hv-fcopyd runs" within 40 fcopyd_runs
device=$(vmbus_device "$fcopy_class")
maps=$(echo "$device"/uio/uio*/maps)
ring=$(cat "$maps/map0/size")
memory=0
for map in "$maps"/map*; do
	case $(cat "$map/name") in
	txrx_rings | recv:* | send:*) memory=$((memory + $(cat "$map/size"))) ;;
	esac
done
say "facts $(basename "$device") $(basename "$(readlink -f "$device/driver")") $(cat "$device/driver/module/version") $((ring / 2)) $memory $(uname -r)"
hear copied
name='Grüße 日本 🎉.txt'
check "both files are there" test -f /srv/big.bin -a -f "/srv/$name"
say "sha $(sha256sum </srv/big.bin | cut -d' ' -f1) $(sha256sum <"/srv/$name" | cut -d' ' -f1)"
