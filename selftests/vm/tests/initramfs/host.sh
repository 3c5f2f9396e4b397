# SPDX-License-Identifier: GPL-2.0-only
nic_start nic
for boot in 1 2 3 4 5 6 7; do copy_asked "file-$boot"; done
check "the device closes after 20 seconds from now on" vmbus_host fcopy "delay close 20000"
tell slow
copy_asked file-8
nic_judged
tell checked
