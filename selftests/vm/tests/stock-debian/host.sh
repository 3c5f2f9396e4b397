# SPDX-License-Identifier: GPL-2.0-only
nic_start nic
fcopy_asked
nic_judged
tell checked
