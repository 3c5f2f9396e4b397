# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# Scripts source this file after kernels.sh. It reads the settings of a test,
# which doc/testing.md lists.

setting_names=(description on guest processors memory devices swap timeout seconds
	modules programs append check pages apart needs vmbus reboots packages needless faults)

# The defaults of the settings
default_settings() {
	local name
	for name in "${setting_names[@]}"; do printf -v "$name" ''; done
	on=$all_kernels check=default guest=busybox processors=1 timeout=1800 seconds=25 packages=deb needless=0 faults=0
}

# class_of NAME: print the GUID that the library's table has for a class
class_of() { sed -n "s/^\t{ \"$1\", \"\([0-9a-f-]*\)\", .*/\1/p" "$top/util/vmbus.c"; }

# device KIND: print the class and the instance of a device of the bench
device() {
	local class instance=''
	case $1 in
	fcopy) instance=eb765408-105f-49b6-b4aa-c123b64d17d4 ;;
	heartbeat) instance=fd149e91-82e0-4a7d-afa6-2a4166cbd7c0 ;;
	nic) instance=8d1a6d4b-3f55-4e0e-9d3e-5a6b7c8d9e0f ;;
	nic2) instance=1c9f3b7e-60a2-4d18-8e55-a3b1c5d7f902 ;;
	# Two devices of a class that no other driver takes
	device) instance=0f6e8d21-5b7c-4c3a-8e19-2a4d6c8b0e13 ;;
	device2) instance=0f6e8d21-5b7c-4c3a-8e19-2a4d6c8b0e14 ;;
	esac
	case $1 in
	device | device2) class=7d3c5a10-41b2-4f0e-9a6c-0d5b1e2f3a44 ;;
	*) class=$(class_of "${1%2}") ;;
	esac
	[ -n "$class" ] || return 1
	echo "class=$class${instance:+,instance=$instance}"
}

# guest_lib: print the functions for a guest's scripts, and the class and the
# instance of each of these devices as KIND_class, KIND_instance
guest_lib() {
	local kind said
	cat "$vm/guest/lib.sh"
	for kind in fcopy heartbeat nic nic2 device device2; do
		said=$(device "$kind") && printf '%s_class=%s %s_instance=%s\n' "$kind" "${said:6:36}" "$kind" "${said##*=}" || return 1
	done
}

# described NAME[=KIND][,PROPERTY=VALUE...]: print
# NAME:class=...,instance=...[,PROPERTY=VALUE...], the form that run-guest
# needs. An instance in the word overrides that of the kind.
described() {
	local name=${1%%,*} properties='' kind
	# The host offers an integration component as a pipe of messages.
	[[ "$1" = *,pipe=* ]] || case ${name#*=} in fcopy | heartbeat | kvp | vss | shutdown | timesync) properties=,pipe=on ;; esac
	[[ "$1" != *,* ]] || properties+=,${1#*,}
	kind=$(device "${name#*=}") || return 1
	[[ "$properties" != *,instance=* ]] || kind=${kind%%,*}
	echo "${name%%=*}:$kind$properties"
}

# one_kernel TEST: print one of the kernels of the test. A checksum of its name
# chooses it, so that the tests are spread over all kernels.
one_kernel() {
	local kernel choices=() sum
	for kernel in $on; do
		[[ " $rare_kernels " = *" $kernel "* ]] || choices+=("$kernel")
	done
	[ ${#choices[@]} -gt 0 ] || return 0
	sum=$(cksum <<<"$1")
	echo "${choices[${sum%% *} % ${#choices[@]}]}"
}

# choose_kernels TEST: set check to the kernels on which make check runs the
# test, and later to the one on which make check-all does if check is empty. A
# whole guest takes minutes, so make check has only those whose settings say so.
choose_kernels() {
	later=''
	if [ "$check" = default ]; then
		check=''
		[ "$guest" != busybox ] || check=$(one_kernel "$1")
	fi
	[ -n "$check" ] || later=$(one_kernel "$1")
}

# read_settings TEST: set the variables in setting_names. A separate shell reads
# the file, which may use other variables for itself.
read_settings() {
	local said word all=''
	[ -e "$vm/tests/$1/settings" ] || die "there is no test '$1': 'run -l' lists them"
	# shellcheck disable=SC1090 # one of tests/*/settings
	said=$(
		default_settings && . "$vm/tests/$1/settings" || exit
		case $guest in systemd) memory=${memory:-1024} ;; *) memory=${memory:-512} ;; esac
		for name in "${setting_names[@]}"; do printf '%s=%q\n' "$name" "${!name}"; done
	) || die "tests/$1/settings cannot be read"
	eval "$said"
	for word in $devices; do
		all+=${all:+ }$(described "$word") || die "tests/$1/settings: device $word: nobody knows '${word%%,*}'"
	done
	devices=$all
	choose_kernels "$1"
	[ "$processors" = 1 ] || needs+=" SMP"
	[ -n "$description" ] || die "tests/$1/settings must set description"
}
