# SPDX-License-Identifier: GPL-2.0-only
status_of() {
	case $1 in
	ok) echo 0x00000000 ;;
	missing) echo 0x80070003 ;;
	denied) echo 0x80070005 ;;
	exists) echo 0x80070050 ;;
	syntax) echo 0x8007007b ;;
	too_long) echo 0x800700ce ;;
	directory) echo 0x80070150 ;;
	link) echo 0x80070781 ;;
	esac
}

# show STRING [QUOTE]: print a path for the table, and shorten it if it has
# hundreds of characters
show() {
	bytes=$(printf '%s' "$1" | wc -c)
	case $bytes in
	0) printf '(empty)' ;;
	? | ?? | 100) printf '%s%s%s' "$2" "$1" "$2" ;;
	*) printf '%s%.24s...%s (%d bytes)' "$2" "$(printf '%s' "$1" | LC_ALL=C sed 's/[^ -~].*//')" "$2" "$bytes" ;;
	esac
}

# Check that the host got the expected status, and that the guest has what the
# host sent.
arrived() {
	status_is "$wanted" copy.out || return 1
	[ -z "$file" ] || [ "${facts%% *}" = "$sent" ]
}

number=0
row() {
	words=$1 wanted=$(status_of "$2") file=$3 source=$4 destination=$5
	shift 5
	number=$((number + 1))
	guest_says "ready $number$" >/dev/null || exit 1
	copy_vmfile fcopy --timeout 60 --generate "$((5000 + number)):$number" --source "$source" --destination "$destination" "$@" >copy.out 2>&1
	tell "sent $number"
	facts=$(guest_says "facts $number ") || exit 1
	facts=${facts#"facts $number "}
	sent=$(sed -n 's/^sha256 //p' copy.out)
	options=''
	for option in "$@"; do
		case $option in
		--force) options="$options -Force" ;;
		--create-full-path) options="$options -CreateFullPath" ;;
		esac
	done
	seen=${facts#* }
	[ "$seen" != - ] || seen=nothing
	[ "$seen" != "$file" ] || [ "${facts%% *}" = "$sent" ] || seen="$seen, with other contents"
	note "table | $words | $(show "$source" '`') | $(show "$destination" '`')$options | $(show "$seen") | $(sed -n -e 's/^status //p' -e 's/^copy-vmfile: //p' copy.out) |"
	check "$words: $wanted" arrived || note "$(tr '\n' ';' <copy.out)"
}

guest_says begin || exit 1
note "table | case | source's name | destination | what changes in the guest | what the host gets |"
note "table |---|---|---|---|---|"
. ./rows.sh
