# SPDX-License-Identifier: GPL-2.0-only

# back NAME COUNT MIN MAX CHANNELS: check that the guest sends back the frames
# of each channel
back() {
	name=$1 channel=0
	guest_says "$name" || exit 1
	while [ $channel -lt "$5" ]; do
		made=$(nic_generate 0 "$2" "$3" "$4" $channel $channel)
		within 60 nic expect numbered $(((channel + 1) * $2)) >/dev/null
		got=$(nic sink $channel)
		check "$name: every frame of channel $channel comes back: $got" test "$got" = "$made"
		channel=$((channel + 1))
	done
	nic sink reset
	tell "$name done"
}

# interrupts: print how often the host has interrupted for the NIC
interrupts() { nic stats | sed -n 's/^interrupts //p'; }

nic_start nic other
guest_says echo || exit 1
check "the driver answers pings" nic_ping 20 1000
nic vf 7
check "and after the host has named a virtual function" nic_ping 20 1000
tell pinged
back pages 3000 60 1514 1
back sections 3000 60 1514 1
back "four channels" 500 60 1514 4
before=$(interrupts)
back poll 1000 60 1514 1
check "poll: the host interrupted $(($(interrupts) - before)) times for 1000 frames" test $(($(interrupts) - before)) -lt 250

guest_says "two NICs" || exit 1
nic_cross "two NICs" 3000
nic sink reset
tell "two NICs done"

guest_says rescind || exit 1
nic_rescind
guest_says gone || exit 1
nic_offer
tell offered
guest_says back || exit 1
check "the driver gave back every frame and refused none" nic expect refused 0 0
nic_judged
tell finished
