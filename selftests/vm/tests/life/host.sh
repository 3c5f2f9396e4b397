# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
copy_asked installed
guest_says half || exit 1
copy_vmfile fcopy --generate 50000000:1 --source half --destination /srv/half >half.out 2>&1 || note "the copy during the upgrade: $(tail -n 2 half.out)"
guest_says upgraded || exit 1
tell cut
copy_asked upgraded
copy_asked rebooted
copy_asked downgraded
copy_asked reinstalled
copy_asked again
