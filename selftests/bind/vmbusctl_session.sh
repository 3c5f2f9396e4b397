#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check that vmbusctl prints the session in doc/udev.md.
# shellcheck disable=SC2154,SC2317 # variables of tree.sh; tests are called by name
# shellcheck source=tree.sh
command . "$(dirname "$0")/tree.sh" || exit 1

test_page_has_the_session() {
	"$dir/session" >"$base/session" || fail "the session failed"
	[ -s "$base/session" ] || fail "the session printed nothing"
	sed -n '/^<!-- session -->$/,/^<!-- end of session -->$/s/^    //p; ' "$dir/udev.md" >"$base/page"
	# Empty lines have no indentation.
	grep -v '^$' "$base/session" >"$base/want"
	grep -v '^$' "$base/page" >"$base/have"
	diff -u "$base/have" "$base/want" | sed 's/^/# /'
	cmp -s "$base/have" "$base/want" || fail "doc/udev.md differs from what selftests/bind/session prints"
}

run_tests
