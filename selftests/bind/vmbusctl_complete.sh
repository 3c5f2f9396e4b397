#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Test the command line of vmbusctl: help, version, wrong arguments, and
# completion in bash and zsh.
# shellcheck disable=SC2016,SC2086,SC2154,SC2317 # scripts for other shells; GUIDs need no quotes; tests are called by name
# shellcheck source=guest.sh
command . "$(dirname "$0")/guest.sh" || exit 1

commands="list show watch doctor bind unbind ring-size set-override unset-override list-overrides"

# offers WORD... -- CANDIDATE...: check the candidates after these words of
# $program; the last word is being typed
program=vmbusctl
offers() {
	typed=
	while [ "$1" != -- ]; do
		typed="$typed '$1'"
		shift
	done
	shift
	eval "vmbusctl complete $program $typed"
	is "status after$typed" $status 0
	is "what follows$typed" "$(printf '%s\n' "$out" | cut -f 1 | sort)" "$(printf '%s\n' "$@" | sort)"
}

# The directories of bash-completion and of zsh, as make install fills them
for_bash=$dir/completion/share
for_zsh=$dir/completion/share/zsh/site-functions

# in_bash LINE: print the completion of bash
in_bash() {
	bash --norc --noprofile -c '
		PATH=$1:$PATH
		. "$3/bash-completion/completions/vmbusctl"
		COMP_LINE=$2 COMP_POINT=${#2}
		_vmbusctl
		printf "%s\n" "${COMPREPLY[@]}"' - "$dir" "$1" "$for_bash"
}

# in_zsh LINE: print the candidates of zsh, with the function that compinit has
# found for vmbusctl. compadd is a function of this test.
in_zsh() {
	zsh -f -c '
		path=($1 $path) fpath=($3 $fpath)
		autoload -Uz compinit
		compinit -D -u
		compadd() {
			local name=${@[-1]}
			print -l -- ${(P)name}
		}
		words=(${(z)2}) CURRENT=$#words
		[[ $2 == *" " ]] && words+=("") && CURRENT=$#words
		$_comps[vmbusctl]' - "$dir" "$1" "$for_zsh"
}

test_version() {
	for form in --version -V "list --version" "bind -V"; do
		does 0 $form
		case $out in
		"vmbusctl "[0-9]*) ;;
		*) fail "$form: $out" ;;
		esac
	done
}

test_help() {
	for form in --help -h help; do
		does 0 $form
		for command in $commands; do
			says "  $command "
		done
		says "3 this"
	done
}

test_help_of_each_command() {
	for command in $commands; do
		does 0 $command --help
		says "usage: vmbusctl $command"
		help=$out
		vmbusctl --help $command
		is "--help $command" "$out" "$help"
	done
}

test_unknown_command() {
	for name in frobnicate lis listen; do
		does 2 $name
		complains "there is no command '$name'"
	done
	vmbusctl
	is status $status 2
	is error "$err" "vmbusctl: a command is missing; 'vmbusctl --help' lists them"
	is output "$out" ""
}

test_unknown_option() {
	for command in $commands; do
		does 2 $command --what
		is lines "$(printf '%s\n' "$err" | wc -l)" 2
		complains "Try 'vmbusctl $command --help' for more information."
	done
}

test_options_before_the_command() {
	does 0 -j list nic
	says '"instance"'
	list=$out
	does 0 -j list-devices nic
	is output "$out" "$list"
	does 2 -n 0.1 -c 1 watch
}

test_commands_are_offered() {
	offers '' -- $commands --help --version
	offers li -- list list-overrides
	offers frob -- ''
}

test_identifiers_are_offered() {
	offers show eth -- eth0 eth1
	offers show uio -- uio0
	offers show 00: -- $mac0 $mac1
	offers show 00:15 -- $mac1
	offers show eb -- $copy
	offers show /dev/vmbus/by-c -- /dev/vmbus/by-class/fcopy
	offers show n -- ''
	offers list n -- nic
	offers show heart -- heartbeat
	offers show eth9 -- ''
	offers bind eth -- eth0 eth1
	offers --now bind eth -- eth0 eth1
	offers -b vmbus set-override eth -- eth0 eth1
	offers --bus vmbus set-ov -- set-override
	offers --bus=vmbus set-ov -- set-override
	offers -b '' -- vmbus
}

test_former_interface_is_offered() {
	rm -r $bus/devices/$nic1/net
	put run/hyperv-uio/interface/$nic1 eth1
	offers show eth -- eth0 eth1
}

test_several_identifiers_are_offered() {
	for command in list watch; do
		offers $command eth0 uio0 eth -- eth0 eth1
	done
	offers show eth0 eth -- ''
	offers doctor eth -- ''
}

# The kernel has the NICs, so there is nothing to release, and no ring size.
test_only_devices_in_user_space_are_offered() {
	for command in unbind unset-override ring-size; do
		offers $command eth -- ''
		offers $command uio -- uio0
	done
	echo uio_hv_generic >"$bus/devices/$nic1/driver_override"
	offers unbind eth -- eth1
}

test_drivers_are_offered() {
	offers bind eth1 '' -- hv_netvsc hv_storvsc hv_utils uio_hv_generic
	offers set-override eth1 uio -- uio_hv_generic
	offers bind --now eth1 uio -- uio_hv_generic
	rm -r $bus/drivers/uio_hv_generic
	offers bind eth1 uio -- uio_hv_generic
	offers bind eth1 uio_hv_generic '' -- ''
}

test_sizes_are_offered() {
	offers ring-size uio0 6 -- 64K
	offers ring-size uio0 d -- default
}

test_options_are_offered() {
	offers list - -- --help --json --verbose
	offers bind --f -- --force
	offers watch --c -- --count=
	offers frobnicate - -- ''
}

# Neither an option that is given nor one that it excludes is offered again.
test_options_that_do_not_fit_are_not_offered() {
	offers bind --now - -- --force --help
	offers bind --force - -- --now --boot --persistent --help
	offers list --json - -- --verbose --help
	offers set-override --bus=vmbus --nosave - -- --force --verbose --help
}

test_vmbus_bind_is_completed() {
	program=vmbus-bind
	offers --s -- --settings
	offers eb -- $copy
	offers eth -- ''
	offers --settings eb -- $copy
	offers --all - -- --dry-run --force --udev --settle
	offers --all eb -- ''
	offers --udev --new -- --new-interface
	offers --new -- ''
	offers $copy e -- ''
}

test_hv_fcopyd_is_completed() {
	program=hv-fcopyd
	offers --c -- --check-config --check-path= --class= --config=
	offers --check-path=/tmp --c -- --create --class= --config=
	offers --class=fcopy --d -- ''
	offers e -- ''
}

test_descriptions() {
	vmbusctl complete vmbusctl show eth0
	is candidate "$out" "$(printf 'eth0\tnic hv_netvsc eth0')"
}

test_completion_without_vmbus() {
	rm -r "$root/sys"
	does 0 complete vmbusctl show ''
	is output "$out" ""
	is errors "$err" ""
}

# completes SHELL: check the completion of commands, identifiers, drivers,
# options and of another program
completes() {
	is commands "$($1 "vmbusctl li")" "$(printf '%s\n' list list-overrides)"
	is identifiers "$($1 "vmbusctl show eth")" "$(printf '%s\n' eth0 eth1)"
	is drivers "$($1 "vmbusctl bind eth1 uio")" uio_hv_generic
	is "after a blank" "$($1 "vmbusctl bind eth1 " | sort | head -n 1)" hv_netvsc
	is options "$($1 "vmbusctl bind --fo")" --force
	is nothing "$($1 "vmbusctl show eth9")" ""
	is "another program" "$($1 "/usr/lib/udev/vmbus-bind --se")" --settings
}

# bash-completion reads the file with the name of the command.
test_bash() {
	completes in_bash
	for name in vmbusctl vmbus-bind hv-fcopyd; do
		is "completion of $name" "$(bash --norc --noprofile -c '. "$1" && complete -p "${1##*/}"' - \
			"$for_bash/bash-completion/completions/$name")" "complete -F _vmbusctl $name"
	done
}

# bash takes a colon as the end of a word, and replaces the part after it.
test_bash_with_a_mac() {
	is mac "$(in_bash "vmbusctl show 00:15:5")" "${mac1#00:15:}"
	is macs "$(in_bash "vmbusctl show 00:")" "$(printf '%s\n' "${mac0#00:}" "${mac1#00:}")"
}

test_zsh() {
	command -v zsh >/dev/null || skip "zsh is not installed"
	completes in_zsh
	is mac "$(in_zsh "vmbusctl show 00:15:5")" $mac1
	is function "$(zsh -f -c 'fpath=($1 $fpath); autoload -Uz compinit; compinit -D -u; echo $_comps[vmbusctl]' - "$for_zsh")" _vmbusctl
}

run_tests guest
