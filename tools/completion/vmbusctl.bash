# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of vmbusctl, vmbus-bind and hv-fcopyd for bash. vmbusctl lists the
# words that may follow.

_vmbusctl() {
	local -a words candidates
	local line=${COMP_LINE:0:COMP_POINT} typed prefix program lister=vmbusctl
	COMPREPLY=()
	# COMP_WORDS would split a MAC address.
	read -ra words <<<"$line"
	case $line in
	*[[:space:]]) words+=("") ;;
	esac
	typed=${words[-1]}
	program=${words[0]##*/}
	[ "$program" != vmbusctl ] || lister=${words[0]}
	mapfile -t candidates < <("$lister" complete "$program" "${words[@]:1}" 2>/dev/null | cut -f 1)
	case ${candidates[0]-} in
	*=) compopt -o nospace 2>/dev/null ;;
	esac
	case $COMP_WORDBREAKS in
	*:*)
		# bash replaces only what follows the last colon.
		prefix=${typed%"${typed##*:}"}
		candidates=("${candidates[@]#"$prefix"}")
		;;
	esac
	COMPREPLY=("${candidates[@]}")
}
complete -F _vmbusctl vmbusctl vmbus-bind hv-fcopyd
