# SPDX-License-Identifier: GPL-2.0-only
how=$(guest_says ready) || exit 1
how=${how#ready }
check "the host says what it likes for ${how%:*} s, and then agrees on versions again" \
	copy_vmfile fcopy --hostile "$how" --destination /tmp/in/
note "$(grep ^hostile check.out)"
tell over
guest_says alive || exit 1
check "a copy after that: success" "$bin/copy-vmfile" --timeout 60 fcopy.sock --generate 50000:1 --destination /tmp/in/good --force
tell copied
