#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check what load-module loads when the kernel takes or refuses our module, and
# that modprobe runs it. modprobe, insmod and uname are stand-ins that record
# their arguments; the last tests use the modprobe of this machine.
# shellcheck disable=SC2016,SC2086,SC2154,SC2317 # numbers and names need no quotes; tree.sh sets variables; tests are called by name
# shellcheck source=tree.sh
command . "$(dirname "$0")/tree.sh" || exit 1

own=lib/modules/6.12.1-amd64/kernel/drivers/uio/uio_hv_generic.ko.xz

# stand_in NAME LINE...: make a program where load-module looks for it
stand_in() {
	name=$1
	shift
	printf '%s\n' '#!/bin/sh' "echo \"$name \$*\" >>$root/asked" "$@" >"$root/sbin/$name"
	chmod +x "$root/sbin/$name"
}

# machine [REASON]: make a kernel that refuses our module with these words, and
# has its own
machine() {
	mkdir -p "$root/sbin" "$root/${own%/*}" "$root/sys/module"
	: >"$root/$own"
	: >"$root/asked"
	: >"$root/dev/kmsg"
	stand_in uname 'echo 6.12.1-amd64'
	stand_in insmod
	stand_in modprobe "[ \"\$1\" = -a ] || [ -z '${1-}' ] || { echo \"modprobe: ERROR: could not insert 'uio_hv_generic': ${1-}\" >&2; exit 1; }"
	# The absolute paths of the script are those of the tree.
	sed -e "s#^PATH=.*#PATH=$root/sbin:/usr/bin:/bin#; s#\([ \"]\)/\(lib\|sbin\|var\|sys\)/#\1$root/\2/#g; s#>/dev/kmsg#>>$root/dev/kmsg#" \
		"$dir/load-module" >"$root/load-module"
	chmod +x "$root/load-module"
}

load() { out=$("$root/load-module" "$@" 2>&1) && status=0 || status=$?; }

# loads LOG ARGUMENT...: run load-module, which must load a module, print
# nothing, and write this to the log of the kernel
loads() {
	log=$1
	shift
	load "$@"
	is status $status 0
	is output "$out" ""
	is "kernel log" "$(cat "$root/dev/kmsg")" "$log"
}

# fails REASON: run load-module, which must fail and pass on what modprobe said
fails() {
	load
	is status $status 1
	is output "$out" "$(refused "$1")"
	is "kernel log" "$(cat "$root/dev/kmsg")" ""
}

# told REASON [MORE]: print the message about the kernel's own module
told() {
	echo "<4>uio_hv_generic: the module of hyperv-uio is refused ($1), so the kernel's own is loaded${2-}; 'vmbusctl doctor' names the remedy"
}

asked_is() { is "what was asked for" "$(grep -v uname "$root/asked" | sed "s|$root/||" | tr '\n' ';')" "$1"; }
refused() { echo "modprobe: ERROR: could not insert 'uio_hv_generic': $1"; }

test_ours_is_taken() {
	machine
	loads "" debug=1
	asked_is "modprobe --ignore-install uio_hv_generic debug=1;"
}

test_own_module_takes_its_place() {
	for why in "Key was rejected by service" "Required key not available" "Operation not permitted" "Invalid argument" \
		"Exec format error" "Unknown symbol in module, or unknown parameter (see dmesg)"; do
		machine "$why"
		loads "$(told "$why")" debug=1
		asked_is "modprobe --ignore-install uio_hv_generic debug=1;modprobe -a hv_vmbus uio;insmod $own debug=1;"
	done
}

# This is what the modprobe of SUSE Linux Enterprise prints.
test_modprobe_refuses_what_suse_does_not_support() {
	machine
	stand_in modprobe '[ "$1" = -a ] && exit' \
		"echo \"modprobe: ERROR: module 'uio_hv_generic' is unsupported\" >&2" \
		'echo "Use --allow-unsupported or set allow_unsupported_modules 1 in" >&2' \
		'echo "/etc/modprobe.d/10-unsupported-modules.conf" >&2' \
		"echo \"$(refused "Operation not permitted")\" >&2" 'exit 1'
	loads "$(told "allow_unsupported_modules is 0")"
}

# With modprobe -q, which udev and vmbus-bind use, a modprobe that it starts
# would be quiet, too.
test_reason_is_told_to_a_quiet_modprobe() {
	machine
	stand_in modprobe '[ "$1" = -a ] && exit' 'case ${MODPROBE_OPTIONS-} in *-q*) exit 1 ;; esac' \
		"echo \"$(refused "Key was rejected by service")\" >&2" 'exit 1'
	export MODPROBE_OPTIONS=-q
	loads "$(told "Key was rejected by service")"
}

test_limit_of_the_own_module_is_told_before_6_10() {
	for release in 4.18.0-553 5.10.0-28 6.1.0-37 6.9.7; do
		machine "Key was rejected by service"
		stand_in uname "echo $release"
		mkdir -p "$root/lib/modules/$release/kernel"
		: >"$root/lib/modules/$release/kernel/uio_hv_generic.ko"
		loads "$(told "Key was rejected by service" ", which does not take the file copy device")"
	done
}

test_own_module_that_dkms_has_moved() {
	machine "Key was rejected by service"
	moved=var/lib/dkms/uio_hv_generic/original_module/6.12.1-amd64/x86_64
	mkdir -p "$root/$moved"
	# find lists the files in any order.
	for name in ko ko.gz ko.xz ko.zst; do echo "/$own" >"$root/$moved/uio_hv_generic.$name.origin"; done
	mv "$root/$own" "$root/$moved/"
	loads "$(told "Key was rejected by service")"
	asked_is "modprobe --ignore-install uio_hv_generic;modprobe -a hv_vmbus uio;insmod $moved/uio_hv_generic.ko.xz;"
}

test_refusals_of_ours_stand() {
	for why in "Operation not supported" "No such device"; do
		machine "$why"
		fails "$why"
		asked_is "modprobe --ignore-install uio_hv_generic;"
	done
}

test_kernel_without_a_module_of_its_own() {
	machine "Key was rejected by service"
	rm "$root/$own"
	fails "Key was rejected by service"
}

test_own_module_is_refused_too() {
	machine "Operation not permitted"
	stand_in insmod 'exit 1'
	fails "Operation not permitted"
}

test_another_process_was_faster() {
	machine "Key was rejected by service"
	stand_in insmod "mkdir $root/sys/module/uio_hv_generic; exit 1"
	loads ""
}

# configured: make modprobe's view of the machine: our module, and the
# configuration that names the script
configured() {
	mkdir -p "$root/lib/modules/6.12.1-amd64/updates/dkms" "$root/conf"
	cp "$dir/uio_hv_generic.ko" "$root/lib/modules/6.12.1-amd64/updates/dkms/"
	: >"$root/lib/modules/6.12.1-amd64/modules.order"
	: >"$root/lib/modules/6.12.1-amd64/modules.builtin"
	PATH=$PATH:/usr/sbin:/sbin depmod -b "$root" 6.12.1-amd64 2>/dev/null
	sed "s#/usr/lib/hyperv-uio/#$root/#g; s#/sbin/modprobe#$root/sbin/modprobe#" "$dir/hyperv-uio.conf" >"$root/conf/hyperv-uio.conf"
	echo "alias vmbus:cafe uio_hv_generic" >"$root/conf/alias.conf"
}

# Run the modprobe of this machine with the module and the configuration of the
# tree.
real_modprobe() {
	PATH=$PATH:/usr/sbin:/sbin modprobe -d "$root" -S 6.12.1-amd64 -C "$root/conf" "$@" 2>&1
}

need_kmod() {
	PATH=$PATH:/usr/sbin:/sbin modprobe --version 2>/dev/null | grep -q '^kmod' || skip "this machine has no modprobe of kmod"
	[ ! -e /sys/module/uio_hv_generic ] || skip "modprobe loads no module twice, and uio_hv_generic is loaded: rmmod uio_hv_generic"
}

test_modprobe_runs_the_script() {
	need_kmod
	for what in uio_hv_generic vmbus:cafe; do
		machine "Key was rejected by service"
		configured
		is "output of modprobe $what" "$(real_modprobe $what ring=2)" ""
		asked_is "modprobe --ignore-install uio_hv_generic ring=2;modprobe -a hv_vmbus uio;insmod $own ring=2;"
	done
}

test_modprobe_without_the_script() {
	need_kmod
	machine
	configured
	rm "$root/load-module"
	is output "$(real_modprobe uio_hv_generic ring=2)" ""
	asked_is "modprobe --ignore-install uio_hv_generic ring=2;"
}

run_tests
