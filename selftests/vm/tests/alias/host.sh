# SPDX-License-Identifier: GPL-2.0-only
guest_says loaded || exit 1
vmbus_host fcopy rescind wait-released offer wait-offered
tell offered
