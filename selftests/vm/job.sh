# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC1090,SC2154
# run sources this file after select.sh. It makes what the selected tests need:
# a directory for each test in the results, and the kernels and initramfs
# archives that they share in $job.

# prepare TEST KERNEL TREE: add to TREE the modules, programs and files that the
# guest of this test needs
prepare() {
	local word file
	for word in $modules; do
		file=${word#*=}
		[[ "$file" = */* ]] || file=$1/$file
		build_test_module "$2" "$vm/tests/$file.c" "$3" "${word%%=*}"
	done
	for word in $programs; do
		"$vm/guest/$word" "$3" "$2" || die "test $1: the guest's $word could not be prepared"
	done
	[ ! -e "$vm/tests/$1/prepare" ] || "$vm/tests/$1/prepare" "$3" "$2" || die "what test $1 needs could not be prepared"
}

# skip SELECTION WHY: print one result for a test that cannot run on this kernel
skip() { printf 'ok %s: %s # SKIP %s\n' "$1" "$description" "$2" | tee -a "$results/results.tap"; }

# add_kernel NAME IMAGE: prepare a kernel and its machine, once
add_kernel() {
	if [ ! -e "$job/kernels/$1.made" ]; then
		"$vm/machine/build" "$arch"
		prepare_kernel "$2" "$job/kernels/$1"
		: >"$job/kernels/$1.made"
	fi
}

# busybox_guest: add the kernel and the initramfs of $selection. Its test is in
# a second initramfs, after the one that all tests of a kernel share.
busybox_guest() {
	local root module userland
	initrd=$kernel${all_stock:+-stock}.img
	prepared=$kernel
	root=$(kernel_root "$kernel")
	add_kernel "$prepared" "$root/image/boot/vmlinuz-$(kernel_release "$root")"
	if [ ! -e "$job/initrds/$initrd" ]; then
		userland=$("$vm/guest/userland" "$arch")
		module=''
		[ -n "$all_stock" ] || module=$(build_module "$kernel")
		"$vm/guest/build" "$kernel" "$job/initrds/$initrd" "$userland" "$module" ||
			die "the initramfs for kernel $kernel could not be built"
	fi
	mkdir -p "$tree/test"
	cp "$dir"/* "$tree/test/"
	prepare "$test" "$kernel" "$tree"
	(cd "$tree" && find . | cpio -o -H newc --quiet >"$dir/test.img")
	rm -rf "$tree"
}

# systemd_guest: add the disk of $selection, and its test on a second disk
systemd_guest() {
	[ -z "$all_stock" ] || die "test $test: a systemd guest uses our module, -s is for the others"
	prepared=$(kernel_suite "$kernel")-$packages
	initrd=$prepared.img
	guest_disk=$("$vm/guest/image" "${prepared%-*}" "$packages")
	add_kernel "$prepared" "${guest_disk%.img}.vmlinuz"
	cp "${guest_disk%.img}.initrd" "$job/initrds/$initrd"
	mkdir -p "$tree"
	prepare "$test" "$kernel" "$tree"
	guest_lib >"$tree/lib.sh"
	tar -cf "$dir/payload.tar" -C "$vm" complaints -C "$dir" guest.sh VERSION -C "$tree" .
	rm -rf "$tree"
}

# add_test: add $selection, whose settings are set, to the job, and set $dir to
# its directory; or print a result with the reason why it is skipped.
add_test() {
	local missing='' settle='' script guest_disk='' prepared=''
	if is_own "$kernel" && [ "$guest" = systemd ]; then
		skip "$selection" "its guest is a Debian that boots its own kernel"
		return
	fi
	# The kernel of a systemd guest has every option that the guest needs.
	if [ "$guest" = busybox ]; then
		# shellcheck disable=SC2086 # words
		missing=$(missing_needs "$kernel" $needs)
		# With DEBUG_KOBJECT_RELEASE the directory of a sub-channel
		# stays for up to four seconds, and VMBus does not survive a
		# second one with the same name.
		[ -n "$(missing_needs "$kernel" DEBUG_KOBJECT_RELEASE)" ] || settle=5000
	fi
	if [ -n "$missing" ]; then
		skip "$selection" "needs $missing"
		return
	fi
	dir=$results/$number-$selection
	mkdir -p "$dir"
	cp "$vm/tests/$test"/* "$top/VERSION" "$dir/"
	arch=$(kernel_arch "$kernel")
	. "$vm/machine/$arch/qemu.sh"
	# Without a host.sh, the host only does what guest/hold.sh tells it.
	[ -e "$dir/host.sh" ] || [[ " $programs " != *" hold "* ]] || echo obey_guest >"$dir/host.sh"
	# The guest and the host treat any other end as a failure. Some tests
	# have no host.sh.
	for script in guest.sh host.sh; do echo 'exit 0' >>"$dir/$script"; done
	case $guest in
	busybox) busybox_guest ;;
	systemd) systemd_guest ;;
	*) die "test $test: unknown kind of guest '$guest'" ;;
	esac
	vmbus=${vmbus:-$(kernel_vmbus "$kernel")}
	cat >"$dir/conf" <<CONF
arch='$arch' kernel='$prepared' initrd='$initrd' processors='$processors' memory='$memory' devices='$devices'
timeout='$timeout' seconds='$seconds' append='$append $verbose' settle='$settle' vmbus='$vmbus' seed='$seed'
needless='$needless' faults='$faults' disk='$guest_disk' reboots='$reboots' swap='$swap'
loglevel='${verbose:+8}' log='$log'
CONF
}

# list_job: print each test of $selected, the longest first: its group, number
# and selection. The tests of a group share what takes long to make: the
# programs of an architecture, or the disks with systemd.
list_job() {
	local selection number=100
	for selection in "${selected[@]}"; do
		read_settings "${selection%@*}"
		echo "$seconds $guest-$(kernel_arch "${selection#*@}") $number $selection"
		number=$((number + 1))
	done | sort -srn -k 1,1 | cut -d ' ' -f 2-
}

# make_group GROUP: make what the tests of a group need, and print the directory
# of each test as soon as it can run. Everything else that is printed goes to
# descriptor 4.
make_group() {
	local selection test kernel dir number tree=$job/tree-$1
	while read -r number selection; do
		test=${selection%@*} kernel=${selection#*@}
		read_settings "$test"
		dir=''
		add_test </dev/null >&4
		[ -z "$dir" ] || echo "$dir"
	done
}

# make_job: make all groups at the same time. If one cannot be made, that is a
# failure of each of its tests, and the others run.
make_job() {
	local group groups maker makers=() number selection dir
	list_job >"$job/list"
	mapfile -t groups < <(cut -d ' ' -f 1 "$job/list" | sort -u)
	for group in "${groups[@]}"; do
		{ make_group "$group" < <(sed -n "s/^$group //p" "$job/list") 2>&1 >&5 | tee "$job/$group.log" >&2; } 5>&1 &
		makers+=("$group=$!")
	done
	for maker in "${makers[@]}"; do
		group=${maker%=*}
		wait "${maker#*=}" && continue
		sed -n "s/^$group //p" "$job/list" | while read -r number selection; do
			dir=$results/$number-$selection
			[ ! -e "$dir/conf" ] || continue
			mkdir -p "$dir"
			echo "not ok bench its guest can be made: $(tail -n 1 "$job/$group.log")" >"$dir/results"
			echo 0 >"$dir/seconds"
		done
	done
}
