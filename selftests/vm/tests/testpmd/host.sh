# SPDX-License-Identifier: GPL-2.0-only
nic_start nic other
pmd_towards rxonly 3000 0
pmd_towards io 3000
pmd_towards mac 3000
pmd_from "64 bytes"
pmd_from "1024 bytes"
pmd_from "two segments"
pmd_towards "after stop and start" 3000
pmd_returned
tell finished
