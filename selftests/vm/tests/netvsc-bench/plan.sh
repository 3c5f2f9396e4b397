# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034 # host.sh and guest.sh, which source it, use these
rounds='1 2 3'
sizes='60 1514'
contenders='hv_netvsc testpmd example example-poll'
