# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Scripts source this file so that no failure lacks its reason. A script that
# dies under "set -e" prints the command and its line, and exits with status 2.
# That status tells its caller that the reason has been printed, as after `die`
# of the bench, so the caller dies without a line of its own. bash itself prints
# the reason when a script dies under "set -u".

# died STATUS FILE LINE COMMAND
died() {
	# A command substitution does not die: it has no "set -e".
	[[ $- = *e* ]] || return 0
	[ "$1" = 2 ] || printf '%s: line %d failed with status %d: %s\n' "${2##*/}" "$3" "$1" "${4%%$'\n'*}" >&2
	exit 2
}
set -o errtrace
trap 'died $? "${BASH_SOURCE[0]-$0}" $LINENO "$BASH_COMMAND"' ERR

# reason FILE...: print why a script has failed, from the first of these files
# that has a reason: the last line of the output, and the line in which the
# script has died. A progress line, which begins with six blanks, is no reason.
reason() {
	local file said=''
	for file in "$@"; do
		[ -n "$said" ] || said=$(awk '
			/^      / || /^$/ { next }
			/: line [0-9]+ failed with status [0-9]+: / { died = died ? died : $0; next }
			{ said = $0; died = "" }
			END { print said (said && died ? ", " : "") died }' "$file")
	done
	printf '%.400s\n' "${said:-it printed nothing}"
}
