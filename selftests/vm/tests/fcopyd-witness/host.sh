# SPDX-License-Identifier: GPL-2.0-only
# The kernel tree's daemon works on real hosts. It joins the two strings of
# START with a '/', so it supports destinations that are directories. With
# those, it must do what users of Hyper-V see.
note "hv_fcopy_uio_daemon of $(guest_says version | sed 's/^version //')"

number=0 files=''
# row WORDS STATUS FILE SOURCE DESTINATION OPTIONS...: make a copy that must end
# with STATUS. After that, FILE must contain what the host sent. If FILE is
# empty, no file may change.
row() {
	words=$1 wanted=$2 file=$3 source=$4 destination=$5
	shift 5
	number=$((number + 1))
	copy_vmfile fcopy --timeout 30 --generate "$((5000 + number)):$number" --source "$source" --destination "$destination" "$@" >copy.out 2>&1
	tell "sent $number"
	was=$files
	files=$(guest_says "files $number ") || exit 1
	files=${files#"files $number "}
	check "$words: the status is $wanted" grep -q "^status $wanted" copy.out || note "$(tr '\n' ';' <copy.out)"
	if [ -n "$file" ]; then
		case " $files" in
		*" $(sed -n 's/^sha256 //p' copy.out) $file "*) ok "$words: $file has what the host sent" ;;
		*) not_ok "$words: $file has what the host sent" && note "the guest has: $files" ;;
		esac
	else
		check "$words: no file changes" test "$files" = "$was"
	fi
}
row "a directory, with a slash" 0x00000000 /tmp/in/a.bin a.bin /tmp/in/
row "a directory, without a slash" 0x00000000 /tmp/in/b.bin b.bin /tmp/in
row "a file that exists in the directory" 0x80070050 '' a.bin /tmp/in/
row "a file that exists in the directory, with -Force" 0x00000000 /tmp/in/a.bin a.bin /tmp/in --force
row "a missing directory, with a slash" 0x80004005 '' c.bin /tmp/in/new/deep/
row "a missing directory, with a slash and -CreateFullPath" 0x00000000 /tmp/in/new/deep/c.bin c.bin /tmp/in/new/deep/ --create-full-path
# The daemon treats every destination as a directory.
row "a file's path" 0x80004005 '' source.bin /tmp/in/file.bin
