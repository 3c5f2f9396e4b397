# SPDX-License-Identifier: GPL-2.0-only
rounds='1 2 3'
sizes='60 1514'
contenders='hv_netvsc testpmd example example-poll'
