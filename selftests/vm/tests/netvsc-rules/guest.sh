# SPDX-License-Identifier: GPL-2.0-only
# Each line is a packet for vmbus_words, and after "#" what the host says about
# it. A line without a packet is the host's second complaint about the same one.
lines() {
	cat <<'END'
+107 0 0xffffffff 0 #an RNDIS message before INIT
125 1514 #NDIS_CONFIG with an MTU of 1514 before INIT
+104 SEND #a send buffer before INIT
+133 1 1 #sub-channels: operation 1, 1 of them, NVSP version 0
+1 0x60001 0x50000 #INIT from version 0x60001 to 0x50000
+1 0x60001 0x60001 #INIT in a session that has agreed on version 0x60001
100 6 1 #NDIS version 6.1 at NVSP version 0x60001
100 6 30 #NDIS_VERSION after another one
+101 RECV 0xcafe #a receive buffer before NDIS_CONFIG
125 9217
125 1514 #NDIS_CONFIG with an MTU of 1514 after another one
+101 999 0xcafe #a buffer in GPADL 999
103 0xcafe #a receive buffer is revoked that the host does not have
+107 0 7 20 #20 bytes in section 7 of 0
+107 1 0xffffffff 20 #20 bytes in no section
#control message 0 of 0 bytes in 0
+104 SEND
+104 SEND #a send buffer twice
+107 2 0 24 #an RNDIS message of channel type 2
+107 0 0 44 | 1 44 #a frame before INITIALIZE
+107 1 0 12 | 4 12 1 #control message 4 before INITIALIZE
#RNDIS message 4 of 12 bytes
+107 1 0 24 | 2 24 1 2 0 0x4000 #INITIALIZE of 24 bytes, version 2.0
+107 1 0 24 | 2 24 1 1 0 0x4000 #INITIALIZE without a receive buffer
#there is no receive buffer for an answer
+101 RECV 0xbeef #a receive buffer of id 0xbeef
+101 RECV 0xcafe #a receive buffer twice
+107 1 0 24 | 2 24 1 1 0 0x4000
+107 1 0 12 | 9 12 1 #control message 9 of 12 bytes
+107 1 0 28 | 4 28 1 0x10106 4 40 #RNDIS message 4 of 28 bytes: 4 bytes at 40
+107 1 0 36 | 5 36 1 0x1010e 8 20 #a packet filter of 8 bytes
+107 1 0 32 | 5 32 1 0x10204 4 20 0 0x89 #RSS parameters of 4 bytes, type 0x89
+107 1 0 84 | 5 84 1 0x10204 56 20 0 0x89 0 0 0 0 16 40 #RSS parameters of 56 bytes: a table of 0 at 0, a key of 16 at 40
+107 1 0 32 | 5 32 1 0xfc01020c 4 20 0 0x80 #offload parameters of 4 bytes
+107 1 0 32 | 4 32 1 0xfc01020d 4 20 0 0xa8 #a query of capabilities: type 0xa8
+107 0 0 44 | 2 44 #RNDIS packet 0: type 2, 44 bytes, 44 are left
+107 0 0 44 | 1 44 36 #a frame of 0 bytes at 36 in an RNDIS packet of 44
+107 0 0 104 | 1 104 36 60 1 #out-of-band data
+107 0 0 104 | 1 104 36 60 0 0 0 0 0 1 #the handle of a connection
+107 0 0 120 | 1 120 52 60 0 0 0 36 16 0 0 16 99 12 #packet information 0x63 of 16 bytes
+107 0 0 120 | 1 120 52 60 0 0 0 36 16 0 0 16 2 12 #packet information 2, which was not offered
+107 0 0 120 | 1 120 52 60 0 0 0 36 16 0 0 20 6 12 #packet information: 16 bytes at 36 before a frame at 52
=108 1 #a completion of id
=7 #a completion of 40 bytes, type 7
+133 1 1
+133 1 1
+99 #NVSP message 99 of 40 bytes
103 0xcafe
103 0xcafe #a receive buffer is revoked that the host does not have
106
106 #a send buffer is revoked that the host does not have
+133 2 1 #sub-channels: operation 2, 1 of them, NVSP version 0x60001
END
}
bind_class "$nic_class"
lines | sed -e '/^#/d' -e 's/ *#.*//' >/tmp/packets
check "the guest sends all packets" sh -c "'$programs/vmbus_words' $nic_class </tmp/packets"
lines | sed -n 's/^[^#]*#//p' | while read -r rule; do say "rule $rule"; done
say end
hear finished
