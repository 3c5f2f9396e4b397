# SPDX-License-Identifier: GPL-2.0-only
# The guest names each rule with the first words of the host's complaint.
all_noticed() {
	while read -r rule <&3; do
		read -r complaint
		echo "expected: $rule; complaint: $complaint"
		case $complaint in "$rule"*) ;; *) return 1 ;; esac
	done 3<rules <complaints
	[ -s rules ]
}
# A sub-allocation of the receive buffer has 292 bytes more than the MTU.
fits_1514() {
	sed -n 's/.* receive buffer: GPADL .*, \([0-9]* bytes, [0-9]*\) sub-allocations$/\1/p' nic.log | tee buffers
	awk '$3 != int($1 / 1806) { other = 1 } END { exit !NR || other }' buffers
}

nic_start nic
guest_says end || exit 1
sed -n 's/^say rule //p' ctl.log >rules
sed -n 's/^complaint [0-9.]* NIC 0: //p' nic.log >complaints
rules=$(wc -l <rules)
check "the host notices each of $rules breaches" all_noticed
check "and nothing else" nic expect complaints "$rules" "$rules"
check "the host takes an MTU of 9217 for 1514" fits_1514
tell finished
