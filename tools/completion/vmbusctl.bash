# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of vmbusctl for bash. vmbusctl itself lists the words that may
# follow.

_vmbusctl() {
	local -a words candidates
	local line=${COMP_LINE:0:COMP_POINT} typed prefix
	COMPREPLY=()
	# COMP_WORDS would split a MAC address.
	read -ra words <<<"$line"
	case $line in
	*[[:space:]]) words+=("") ;;
	esac
	typed=${words[-1]}
	mapfile -t candidates < <("${words[0]}" complete "${words[@]:1}" 2>/dev/null | cut -f 1)
	case $COMP_WORDBREAKS in
	*:*)
		# bash replaces only what follows the last colon.
		prefix=${typed%"${typed##*:}"}
		candidates=("${candidates[@]#"$prefix"}")
		;;
	esac
	COMPREPLY=("${candidates[@]}")
}
complete -F _vmbusctl vmbusctl
