# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Make the symbol map of a library from its header: each function belongs to the
# node of the version after "Since" in its comment. Variable: node, the name of
# a node without its version.

/^\/\*\*/ { since = "" }

match($0, /Since [0-9.]+[0-9]/) { since = substr($0, RSTART + 6, RLENGTH - 6) }

/^[a-z].*vmbus_[a-z0-9_]+\(/ && !/^static/ {
	match($0, /(rte_)?vmbus_[a-z0-9_]+\(/)
	name = substr($0, RSTART, RLENGTH - 1)
	if (since == "") {
		print name ": its comment does not say since which version" >"/dev/stderr"
		wrong = 1
	}
	functions[since] = functions[since] "\t\t" name ";\n"
	since = ""
}

END {
	# One of the nodes keeps everything else local.
	others = "\tlocal:\n\t\t*;\n"
	for (since in functions) {
		printf "%s_%s {\n\tglobal:\n%s%s};\n", node, since, functions[since], others
		others = ""
	}
	exit wrong
}
