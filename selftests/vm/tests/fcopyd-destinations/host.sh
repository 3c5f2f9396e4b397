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

# Check that the host got the expected status, and that the guest has what the
# host sent.
arrived() {
	status_is "$wanted" copy.out || return 1
	[ -z "$file" ] || [ "$sum" = "sum $number $(sed -n 's/^sha256 //p' copy.out)" ]
}

number=0
row() {
	words=$1 wanted=$(status_of "$2") file=$3 source=$4 destination=$5
	shift 5
	number=$((number + 1))
	guest_says "ready $number$" >/dev/null || exit 1
	copy_vmfile fcopy --timeout 60 --generate "$((5000 + number)):$number" --source "$source" --destination "$destination" "$@" >copy.out 2>&1
	tell "sent $number"
	sum=$(guest_says "sum $number ") || exit 1
	check "$words: $wanted" arrived || note "$(tr '\n' ';' <copy.out)"
}

guest_says begin || exit 1
. ./rows.sh
