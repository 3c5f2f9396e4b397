# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
check "the NIC is offered" within 10 vmbus_device "$nic_class"
modprobe hv_netvsc
check "there is an interface" within 20 test -d /sys/class/net/eth0
ip addr add 10.55.0.2/24 dev eth0
ip link set eth0 up
say up
check "ping" ping -c 10 -A 10.55.0.1
say pinged
