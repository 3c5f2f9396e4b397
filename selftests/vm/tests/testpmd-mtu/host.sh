# SPDX-License-Identifier: GPL-2.0-only
nic_start nic other
largest=4014
pmd_towards "mtu 4000" 2000
pmd_from "a segment of 4000 bytes"
largest=1514
pmd_towards "mtu 1500 again" 2000
pmd_returned
tell finished
