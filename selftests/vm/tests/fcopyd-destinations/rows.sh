# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2088 # a user types what no shell expands
# Every kind of destination that an administrator can type. guest.sh and host.sh
# source this file, and each has its own function row():
# row WORDS STATUS FILE SOURCE DESTINATION OPTIONS...
# The host sends SOURCE and DESTINATION, and the guest must answer with STATUS,
# a word of host.sh. After that, FILE must have the content that the host sent.
# If FILE is empty, the copy must change nothing. The guest makes its tree
# before each row.

name='Grüße 日本 🎉.txt'
# repeat COUNT STRING
repeat() { awk -v "n=$1" -v "s=$2" 'BEGIN { while (n--) printf "%s", s }'; }
# The field holds at most 259 UTF-16 units. Both paths have that many; the
# second one has 747 bytes.
long=/tmp/in/long/$(repeat 81 a)/$(repeat 81 b)/$(repeat 82 c)
wide=/tmp/in/long/$(repeat 81 日)/$(repeat 81 本)/$(repeat 82 語)

row "a new file" ok /tmp/in/new.bin source.bin /tmp/in/new.bin
row "a new file, with -Force" ok /tmp/in/new.bin source.bin /tmp/in/new.bin --force
row "a new file, with -CreateFullPath" ok /tmp/in/new.bin source.bin /tmp/in/new.bin --create-full-path
row "a path with doubled slashes" ok /tmp/in/new.bin source.bin //tmp//in//new.bin

row "a directory, with a slash" ok /tmp/in/dir/source.bin source.bin /tmp/in/dir/
row "a directory, without a slash" ok /tmp/in/dir/source.bin source.bin /tmp/in/dir
row "a directory, with -CreateFullPath" ok /tmp/in/dir/source.bin source.bin /tmp/in/dir --create-full-path
row "a directory, with two slashes" ok /tmp/in/dir/source.bin source.bin /tmp/in/dir//

row "a file that exists" exists '' source.bin /tmp/in/old.bin
row "a file that exists, with -Force" ok /tmp/in/old.bin source.bin /tmp/in/old.bin --force
row "a file that exists in the directory" exists '' old.bin /tmp/in/
row "a file that exists in the directory, with -Force" ok /tmp/in/old.bin old.bin /tmp/in --force
row "a directory of the source's name" directory '' dir /tmp/in/
row "a directory of the source's name, with -Force" directory '' dir /tmp/in --force
row "a file that exists, with a slash" missing '' source.bin /tmp/in/old.bin/
row "below a file" missing '' source.bin /tmp/in/old.bin/new.bin --create-full-path

row "a file in a missing directory" missing '' source.bin /tmp/in/new/deep/file.bin
row "a file in a missing directory, with -CreateFullPath" ok /tmp/in/new/deep/file.bin source.bin /tmp/in/new/deep/file.bin --create-full-path
row "a missing directory, with a slash" missing '' source.bin /tmp/in/new2/deep/
row "a missing directory, with a slash and -CreateFullPath" ok /tmp/in/new2/deep/source.bin source.bin /tmp/in/new2/deep/ --create-full-path

row "the source's name beyond ASCII" ok "/tmp/in/$name" "$name" /tmp/in/
row "the destination beyond ASCII" ok "/tmp/in/übung/$name" source.bin "/tmp/in/übung/$name"
row "both beyond ASCII" ok "/tmp/in/übung/ñandú.txt" ñandú.txt /tmp/in/übung
row "new directories beyond ASCII" ok "/tmp/in/日本/🎉/ñandú.txt" ñandú.txt /tmp/in/日本/🎉/ --create-full-path

row "259 units" ok "$long" source.bin "$long" --create-full-path
row "259 units beyond ASCII" ok "$wide" source.bin "$wide" --create-full-path
row "a component of 258 bytes" too_long '' source.bin "/tmp/in/$(repeat 86 日)"
row "a source's name of 258 bytes" too_long '' "$(repeat 86 日)" /tmp/in/

row "a relative path of a file" ok /tmp/in/rel.bin source.bin tmp/in/rel.bin
row "a relative path of a directory" ok /tmp/in/dir/source.bin source.bin tmp/in/dir
row "an empty destination" ok /source.bin source.bin ''
row "the root" ok /source.bin source.bin /
row "the root, which has a link to a directory of that name, with -Force" directory '' bin / --force
row "an empty destination, where the root has a link of that name, with -Force" directory '' bin '' --force
row "the root, which has a link of that name" directory '' bin /

row "a host that splits the destination after the slash" ok /tmp/in/x x /tmp/in/
row "a host that splits the destination at the slash" ok /tmp/in/x x /tmp/in

row "a path of Windows" syntax '' source.bin 'C:\x'
row "a '\\' in the destination" syntax '' source.bin '/tmp/in\new.bin'
row "a '\\' in the source's name" syntax '' 'a\b' /tmp/in/
row "the home directory of a shell" syntax '' source.bin '~/new.bin' --create-full-path
row "a variable of a shell" syntax '' source.bin '$HOME/new.bin' --create-full-path
row "the output of a command" syntax '' source.bin '$(pwd)/new.bin' --create-full-path
row "a URL" syntax '' source.bin file:///tmp/in/new.bin --create-full-path
row "a URL with a digit" syntax '' source.bin s3://in/new.bin --create-full-path
row "a drive letter without a slash" syntax '' source.bin C:new.bin --create-full-path
row "a path in quotation marks" syntax '' source.bin '"/tmp/in/new.bin"' --create-full-path
row "a path in guillemets" syntax '' source.bin '«/tmp/in/new.bin»' --create-full-path
row "a path with a blank in front" syntax '' source.bin ' /tmp/in/new.bin' --create-full-path
row "'..' at the destination's end" syntax '' source.bin /tmp/in/dir/..
row "'..' in the destination" syntax '' source.bin /tmp/in/dir/../new.bin
row "'..' at the start of a relative destination" syntax '' source.bin ../tmp/in/new.bin
row "'..' as the source's name" syntax '' .. /tmp/in/
row "'.' as the source's name" syntax '' . /tmp/in/
row "a '/' in the source's name" syntax '' a/b /tmp/in/
row "no source's name, for a directory" syntax '' '' /tmp/in/
row "a source's name of 260 units" syntax '' raw /tmp/in/ --raw-file-name "$(repeat 260 6100)"
row "a destination of 260 units" syntax '' source.bin raw --raw-path-name "2f00$(repeat 259 6100)"
row "half a surrogate in the destination" syntax '' source.bin raw --raw-path-name 2f003cd82f00

row "a user's link to a directory" link '' source.bin /tmp/in/theirs
row "a user's link to a directory, with a slash" link '' source.bin /tmp/in/theirs/
row "a user's link on the way" link '' source.bin /tmp/in/theirs/new.bin
row "a user's link on the way, with -CreateFullPath" link '' source.bin /tmp/in/theirs/new/ --create-full-path
row "root's link in a directory to which others write" link '' source.bin /tmp/in/shared/ours/
row "root's link to a directory" ok /tmp/in/dir/source.bin source.bin /tmp/in/ours
row "root's link to a directory, with a slash" ok /tmp/in/dir/source.bin source.bin /tmp/in/ours/
row "root's link on the way" ok /tmp/in/dir/new.bin source.bin /tmp/in/ours/new.bin
row "root's link on the way, with -CreateFullPath" ok /tmp/in/dir/new/new.bin source.bin /tmp/in/ours/new/new.bin --create-full-path
row "root's link to a directory, of the source's name, with -Force" directory '' ours /tmp/in/ --force
