# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced after env.sh: what the packages are made of, as a list and as a key.

source_files() {
	if [ -d "$top/.git" ]; then
		git -C "$top" -c safe.directory='*' ls-files -co --exclude-standard | while read -r file; do
			[ ! -f "$top/$file" ] || printf '%s\n' "$file"
		done
	else
		(cd "$top" && find . -path ./build -prune -o -type f -print | sed 's|^\./||')
	fi | grep -vE '^(selftests/vm/|.ci/)' | LC_ALL=C sort
}

source_key() {
	(cd "$top" && source_files | tr '\n' '\0' | xargs -0 sha256sum) | sha256sum | cut -c1-16
}
