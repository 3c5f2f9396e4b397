# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Make the manual pages of section 3 from the comments of the header: a page for
# each of its parts, and for each further function and struct in a part a page
# that refers to it. The input has no tabs. Variables: folder, version, date.

function begin(name, purpose) {
	finish()
	page = name
	about = escape(purpose)
	count = struct_count = 0
	text = ""
}

function escape(line) {
	gsub(/\\/, "\\e", line)
	gsub(/-/, "\\-", line)
	if (line ~ /^[.']/)
		line = "\\&" line
	return line
}

# Format a line of prose, with names in bold and arguments in italics.
function prose(line,    out, word) {
	line = escape(line)
	out = ""
	while (match(line, /@[a-z_]+|vmbus_[a-z0-9_]+(\(\))?|VMBUS_[A-Z0-9_]+\*?|\\-E[A-Z0-9]+|(poll|epoll|read|write|open|mmap|sigaction|fork|socketpair|memfd_create)\([0-9]?\)/)) {
		word = substr(line, RSTART, RLENGTH)
		out = out substr(line, 1, RSTART - 1)
		line = substr(line, RSTART + RLENGTH)
		if (word ~ /^@/)
			out = out "\\fI" substr(word, 2) "\\fP"
		else if (word ~ /\)$/)
			out = out "\\fB" substr(word, 1, index(word, "(") - 1) "\\fP" substr(word, index(word, "("))
		else
			out = out "\\fB" word "\\fP"
	}
	return out line
}

# Format a comment, without its first words "name() - ".
function describe(comment,    n, lines, i, line, paragraph, list) {
	n = split(comment, lines, "\n")
	paragraph = list = 0
	for (i = 1; i <= n; i++) {
		line = lines[i]
		if (line == "") {
			paragraph = 1
			continue
		}
		if (line ~ /^@[a-z_]+:/) {
			text = text ".TP\n\\fI" substr(line, 2, index(line, ":") - 2) "\\fP\n"
			line = substr(line, index(line, ":") + 1)
			list = 1
		} else if (paragraph) {
			text = text ".PP\n"
		}
		paragraph = 0
		sub(/^ +/, "", line)
		text = text prose(line) "\n"
	}
}

# Fill words into lines of at most @width columns. @first comes before the first
# line and @rest before the others.
function fill(words, first, rest, width,    n, list, i, line, out) {
	n = split(words, list, " ")
	line = first
	for (i = 1; i <= n; i++) {
		if (length(line " " list[i]) > width && line != first) {
			out = out line "\n"
			line = rest
		}
		line = line " " list[i]
	}
	return out line
}

# Break a declaration after a comma if it has more than @width columns. Its next
# line begins below the first parameter, as in the header.
function wrap(line, width,    out, at, margin, cut) {
	at = match(line, /\([a-z]/)
	margin = sprintf("%" at "s", "")
	while (at && length(line) > width) {
		for (cut = width; cut > at && substr(line, cut, 1) != ","; cut--)
			;
		if (cut <= at)
			break
		out = out substr(line, 1, cut) "\n"
		line = margin substr(line, cut + 2)
	}
	return out line
}

# Fit a line of code into @width columns. A comment at its end gets more lines,
# or goes before the line if it begins too far to the right.
function fit(line, width,    indent, comment, start) {
	if (length(line) <= width)
		return line
	if (!match(line, /\/\*.*\*\/$/) || RSTART == 1)
		return wrap(line, width)
	start = RSTART
	comment = substr(line, start + 3)
	if (start <= 40)
		return fill(comment, substr(line, 1, start + 1), sprintf("%" (start + 1) "s", ""), width)
	match(line, /^ */)
	indent = substr(line, 1, RLENGTH)
	line = substr(line, 1, start - 1)
	sub(/ *$/, "", line)
	return fill(comment, indent "/*", indent "  ", width) "\n" fit(line, width)
}

# Fill the lines of a comment anew, whose "/*" is in the line @i. Set last_line
# to the line of its end.
function refill(lines, i, width,    indent, words, out) {
	indent = lines[i]
	sub(/\/\*$/, "", indent)
	out = indent "/*\n"
	while (lines[++i] !~ /\*\/$/) {
		sub(/^ *\* ?/, "", lines[i])
		words = words " " lines[i]
	}
	last_line = i
	return out fill(words, indent " *", indent " *", width) "\n" indent " */"
}

# The margins take 7 columns of a synopsis, and 11 of an example.
function code(block,    n, lines, i) {
	n = split(block, lines, "\n")
	block = ""
	for (i = 1; i < n; i++) {
		if (lines[i] ~ /^ *\/\*$/) {
			block = block refill(lines, i, 69) "\n"
			i = last_line
		} else {
			block = block fit(lines[i], 69) "\n"
		}
	}
	text = text ".PP\n.in +4n\n.EX\n" escape(block) ".EE\n.nh\n.in\n"
}

function function_name(declaration) {
	match(declaration, /vmbus_[a-z0-9_]+\(/)
	return substr(declaration, RSTART, RLENGTH - 1)
}

function item(comment, declaration,    name, dash) {
	if (match(declaration, /^struct [a-z_]+/))
		structs[++struct_count] = substr(declaration, 8, RLENGTH - 7)
	if (declaration ~ /^(struct|enum|#define)/ || declaration !~ /\(/) {
		if (declaration ~ /^struct [a-z_]+;/) {
			# Only a long comment adds to the comments of the
			# functions.
			if (comment ~ /\n\n/) {
				text = text ".PP\n"
				describe(comment)
			}
			return
		}
		if (comment != "" || declaration != "") {
			if (!count)
				text = text ".PP\n"
			else if (match(declaration, /^(struct|enum) [a-z_]+/))
				text = text ".SS " substr(declaration, 1, RLENGTH) "\n"
			describe(comment)
			if (declaration != "")
				code(declaration)
		}
		return
	}
	name = function_name(declaration)
	names[++count] = name
	synopsis[count] = declaration
	dash = index(comment, " - ")
	if (comment ~ /^vmbus_[a-z0-9_]+\(\) - /)
		comment = substr(comment, dash + 3)
	text = text ".SS " name "()\n"
	if (comment !~ /^vmbus_/)
		comment = toupper(substr(comment, 1, 1)) substr(comment, 2)
	# The text before the parameters is a title in the header, and a
	# sentence in the page.
	match(comment "\n\n", /\n\n|\n@[a-z_]+:/)
	dash = RSTART
	if (substr(comment, 1, dash - 1) !~ /[.:]$/)
		comment = substr(comment, 1, dash - 1) "." substr(comment, dash)
	describe(comment)
}

function finish(    file, i, line, n, lines) {
	if (page == "" || !count)
		return
	file = folder "/" page ".3"
	printf ".\\\" SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only\n.\\\" Made of the comments in vmbus_bufring.h.\n" >file
	printf ".TH %s 3 %s \"hyperv-uio %s\" \"Library Functions Manual\"\n.nh\n.SH NAME\n", toupper(page), date, version >file
	for (i = 1; i <= count; i++)
		printf "%s%s", names[i], i < count ? ",\n" : " \\- " >file
	printf "%s\n.SH SYNOPSIS\n.nf\n.B #include <vmbus_bufring.h>\n.PP\n", about >file
	for (i = 1; i <= count; i++) {
		gsub(/[ \n]+/, " ", synopsis[i])
		sub(/ $/, "", synopsis[i])
		n = split(wrap(synopsis[i], 73), lines, "\n")
		for (line = 1; line <= n; line++)
			printf ".BI \"%s\"\n", escape(lines[line]) >file
	}
	sub(/^\.PP\n/, "", text)
	printf ".fi\n.SH DESCRIPTION\n%s", text >file
	printf ".SH SEE ALSO\n.BR libvmbus_bufring (3)\n" >file
	close(file)
	for (i = 1; i <= count; i++)
		if (names[i] != page) {
			file = folder "/" names[i] ".3"
			printf ".so man3/%s.3\n", page >file
			close(file)
		}
	for (i = 1; i <= struct_count; i++) {
		file = folder "/" structs[i] ".3"
		if (structs[i] != page && (getline line <file) < 0)
			printf ".so man3/%s.3\n", page >file
		close(file)
	}
	page = ""
}

# A part begins with a comment that names its page.
match($0, /^\/\* vmbus_[a-z_]+\(3\): /) {
	begin(substr($0, 4, RLENGTH - 8), substr($0, RLENGTH + 1, length($0) - RLENGTH - 3))
	comment = ""
	next
}

page == "" { next }

/^\/\*\*/ {
	comment = ""
	line = substr($0, 4)
	while (1) {
		last = line ~ /\*\/$/
		sub(/[ ]*\*\/$/, "", line)
		sub(/^ ?\*? ?/, "", line)
		if (!(last && line == "") && !(comment == "" && line == ""))
			comment = comment line "\n"
		if (last)
			break
		getline line
		sub(/^ \*/, "", line)
		if (line == "/")
			break
	}
	sub(/\n$/, "", comment)
	next
}

/^#pragma|^#ifdef|^}$|^#endif/ { next }

/^#define/ {
	block = ""
	line = $0
	do {
		# The page shows how to use a macro, and omits its definition.
		continues = sub(/ *\\$/, "", line)
		block = block line "\n"
		while (continues && (getline line) > 0)
			continues = line ~ /\\$/
	} while ((getline line) > 0 && line ~ /^#define/)
	item(comment, block)
	comment = ""
	next
}

/^(struct|enum) .*\{$/ {
	block = $0 "\n"
	while ((getline line) > 0) {
		block = block line "\n"
		if (line ~ /^}/)
			break
	}
	item(comment, block)
	comment = ""
	next
}

/^[a-z]/ {
	block = $0 "\n"
	while (block !~ /;\n$/ && (getline line) > 0)
		block = block line "\n"
	item(comment, block)
	comment = ""
}

END { finish() }
