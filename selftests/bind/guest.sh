# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034,SC2154 # variables of, and for, the scripts that source this file
# Make a guest of Hyper-V as a directory tree, for the tests of vmbusctl and for
# its session in doc/udev.md. Scripts source this file instead of tree.sh.

# shellcheck source=tree.sh
command . "$(dirname "$0")/tree.sh" || exit 1

kvp=a9a0f4e7-5a45-4d96-b827-8a841e8c03e6
heartbeat=57164f39-9115-4e78-ab55-382f3bd5422d
nic0=000d3a31-b538-000d-3a31-b538000d3a31
nic1=b6650ff7-33bc-4840-8048-e0676786f393
disk=f8b3781a-1e82-4818-a1c3-63d806ec15bb
kvp0=242ff919-07db-4180-9c2e-b86cb68c8c55
heart0=fd149e91-82e0-4a7d-afa6-2a4166cbd7c0
copy=eb765408-105f-49b6-b4aa-c123b64d17d4
mac0=00:0d:3a:31:b5:38
mac1=00:15:5d:01:02:03

# channel DEVICE RELID INDEX CPU FROM_HOST TO_HOST INTERRUPTS SIGNALS: add a
# channel with 16384 bytes in each direction
channel() {
	c=$bus/devices/$1/channels/$2
	mkdir -p "$c"
	echo "$3" >"$c/subchannel_id"
	echo "$4" >"$c/cpu"
	echo "$5" >"$c/read_avail"
	echo $((16384 - $6)) >"$c/write_avail"
	echo "$7" >"$c/interrupts"
	echo "$8" >"$c/events"
	if [ "$3" = 0 ]; then
		echo "$2" >"$bus/devices/$1/id"
		echo "$5" >"$bus/devices/$1/in_read_bytes_avail"
		echo $((16384 - $5)) >"$bus/devices/$1/in_write_bytes_avail"
		echo 3 >"$bus/devices/$1/state"
	fi
}

# Write the first line of a file below the root, and make its directories.
put() { # PATH TEXT
	mkdir -p "$root/$(dirname "$1")"
	printf '%s\n' "$2" >"$root/$1"
}

# make_guest: make a guest with two NICs and the file copy device; eth0 is up
make_guest() {
	driver uio_hv_generic "$fcopy"
	driver hv_netvsc "$nic"
	driver hv_storvsc "$scsi"
	driver hv_utils "$kvp" "$heartbeat"
	echo "eth0 $mac0 2" >"$root/kernel/net/$nic0"
	echo "eth1 $mac1 3" >"$root/kernel/net/$nic1"
	: >"$root/run/udev/data/n2"
	: >"$root/run/udev/data/n3"
	device $copy "$fcopy" uio_hv_generic
	device $nic0 "$nic" hv_netvsc
	device $nic1 "$nic" hv_netvsc
	up eth0
	device $disk "$scsi" hv_storvsc
	device $kvp0 $kvp hv_utils
	device $heart0 $heartbeat hv_utils
	channel $copy 14 0 0 0 104 12 14
	channel $nic0 15 0 0 16000 0 51213 49107
	channel $nic0 23 1 1 0 0 480 377
	channel $nic1 16 0 1 0 0 0 2
	channel $disk 21 0 0 0 0 9000 8800
	channel $kvp0 11 0 0 0 0 4 4
	channel $heart0 12 0 0 0 0 812 812
	# Our module shows the state of the device.
	mkdir -p "$bus/devices/$copy/uio_hv_generic"
	echo open >"$bus/devices/$copy/uio_hv_generic/state"
	echo 20480 >"$bus/devices/$copy/uio_hv_generic/ring_size"
	echo uio_hv_generic >"$bus/devices/$copy/driver_override"
	folder=sys/bus/vmbus/devices/$copy/uio/uio0
	put $folder/event 7
	while read -r map name size; do
		put "$folder/maps/$map/name" "$name"
		put "$folder/maps/$map/size" "$size"
	done <<-END
		map0 txrx_rings 40960
		map1 int_page 4096
		map2 monitor_page 4096
	END
	put dev/uio0 ''
	mkdir -p "$root/dev/vmbus/by-id" "$root/dev/vmbus/by-class"
	ln -s ../../uio0 "$root/dev/vmbus/by-id/$copy"
	ln -s ../../uio0 "$root/dev/vmbus/by-class/fcopy"
	echo 3 >"$bus/devices/$nic0/channels/15/monitor_id"
	echo 3 >"$bus/devices/$nic0/monitor_id"
	echo 4 >"$bus/devices/$nic1/monitor_id"
	mkdir -p "$bus/devices/$disk/host0/target0:0:0/0:0:0:0/block/sda"
	echo 8:0 >"$bus/devices/$disk/host0/target0:0:0/0:0:0:0/block/sda/dev"
	put sys/class/dmi/id/sys_vendor "Microsoft Corporation"
	put sys/class/dmi/id/product_name "Virtual Machine"
	put proc/sys/kernel/osrelease 6.12.48+deb13-cloud-amd64
	put sys/module/uio_hv_generic/version "1:$("$dir/vmbusctl" --version | cut -d ' ' -f 2)"
	conf "$vendor/10-fcopy.conf" '[fcopy]'
	# From now on the model gives a device that user space takes the files
	# of our module, and uio1.
	echo ours >"$root/kernel/module"
	echo 1 >"$root/kernel/next-uio"
	"$root/kernel/model" driver uio_hv_generic
}

# guest: make the guest, or copy it if a test has made it before
guest() {
	if [ -d "$base/guest" ]; then
		rm -r "$root"
		cp -a "$base/guest" "$root"
		return
	fi
	make_guest
	cp -a "$root" "$base/guest"
}

# bridge: make a PCI Express bridge, $vf, with enP1s1, the virtual function of
# eth0, behind it
bridge() {
	vf=00000001-0000-0000-0000-00000000000a
	device $vf "$pcie" hv_pci
	net=bus/vmbus/devices/$vf/pci0001:00/0001:00:02.0/net/enP1s1
	put sys/$net/address $mac0
	ln -s "../../$net" "$root/sys/class/net/enP1s1"
}

# vmbusctl ARGUMENTS: run it; $out has the standard output, $err the standard
# error, and $status the exit status
vmbusctl() {
	status=0
	out=$("$dir/vmbusctl" "$@" 2>"$base/stderr") || status=$?
	err=$(cat "$base/stderr")
}

# does STATUS ARGUMENTS...: run vmbusctl, and check the exit status
does() {
	want=$1
	shift
	vmbusctl "$@"
	is "status of '$*' ($err)" $status "$want"
}

complains() { # PATTERN
	case $err in
	*"$1"*) ;;
	*) fail "standard error lacks '$1': $err" ;;
	esac
}

lacks() { # PATTERN
	case $out in
	*"$1"*) fail "the output has '$1': $out" ;;
	esac
}
