# SPDX-License-Identifier: GPL-2.0-only
. /bench/nic.sh
peer=10.55.0.1
# channels COUNT [WANTED]: request WANTED channels, if given, and return whether
# there are COUNT channels
channels() { [ "$(nic_tool channels "$nic" ${2:+"$2"})" = "channels $1 of 2" ]; }

modprobe hv_netvsc
check "there is an interface" within 30 first_there
nic_up "$nic" 0
check "it has two channels" within 20 channels 2
say "two channels"
inbound "channel 0" "$nic" 1000 0
inbound "channel 1" "$nic" 1000 1
outbound "two channels" "$nic" 1000 60 1514
nic_tool spray $peer 64
say sprayed
hear counted

check "one, as ethtool -L does" channels 1 1
check "ping" within 10 nic_answers
say "one channel"
hear closed
check "two again" channels 2 2
check "ping" within 10 nic_answers
say "two again"
inbound "again" "$nic" 500 1
nic_down "$nic"
say "is down"

has_one_channel() { nic_tool channels "$nic" | grep -q '^channels 1 of'; }
hear refused
nic_again one has_one_channel
hear old
nic_again "an old host" has_one_channel
hear finished
