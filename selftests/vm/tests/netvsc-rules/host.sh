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

nic_start nic
guest_says end || exit 1
sed -n 's/^say rule //p' ctl.log >rules
sed -n 's/^complaint [0-9.]* NIC 0: //p' nic.log >complaints
rules=$(wc -l <rules)
check "the host notices each of $rules breaches" all_noticed
check "and nothing else" nic expect complaints "$rules" "$rules"
tell finished
