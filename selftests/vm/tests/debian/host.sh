# SPDX-License-Identifier: GPL-2.0-only
guest_says booted || exit 1
copy_compared first 3000000
check "rescind" vmbus_host fcopy rescind wait-released
tell rescinded
guest_says gone || exit 1
check "offer again" vmbus_host fcopy offer
tell offered
guest_says 'back$' || exit 1
copy_compared second 3000000
check "twelve quick cycles" cycle fcopy 12
tell cycled
guest_says 'back again' || exit 1
copy_compared third 100000
