# SPDX-License-Identifier: GPL-2.0-only
bind_fcopy
mkdir -p /tmp/in
/upstream/hv_fcopy_uio_daemon -n </dev/null >/dev/null 2>&1 &
daemon=$!
say version "$(cat /upstream/version), kernel $(uname -r)"
for number in 1 2 3 4 5 6 7; do
	hear "sent $number"
	# The line has the checksum and the path of each file.
	say "files $number $(find /tmp/in -type f -exec sha256sum {} + | sort -k 2 | tr -s ' \n' '  ')"
done
check "the daemon is still there" kill $daemon
