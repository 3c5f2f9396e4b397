#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check what is no program: the udev rules, and the page with a session.
# shellcheck disable=SC2154,SC2317 # variables are those of tree.sh; tests are called by name
# shellcheck source=guest.sh
command . "$(dirname "$0")/guest.sh" || exit 1

# Before systemd 254 udevadm has no 'verify'. 'udevadm test' reads the files,
# too, in a mount namespace that has no other rules, and its log names each
# fault as FILE:LINE.
read_by_udevadm_test() {
	mkdir "$root/rules"
	cp "$dir"/*.rules "$root/rules/"
	cat >"$root/test" <<-END
		mount --make-rprivate / && mount -t tmpfs none /run && mkdir /run/udev &&
		mount --bind $root/rules /usr/lib/udev/rules.d &&
		mount -t tmpfs none /dev && mknod /dev/null c 1 3 || exit 1
		[ ! -d /etc/udev ] || mount -t tmpfs none /etc/udev || exit 1
		exec udevadm test /sys/class/mem/null
	END
	log=$(unshare -m sh "$root/test" 2>&1) || :
	for rules in 60-hyperv-uio.rules 61-hv-fcopyd.rules; do
		echo "$log" | grep -q "^Reading rules file: /usr/lib/udev/rules.d/$rules$" || fail "$log"
		! echo "$log" | grep "^/usr/lib/udev/rules.d/$rules:" || fail "udev rejects $rules"
	done
}

test_udev_can_read_the_rules() {
	if udevadm verify --help >/dev/null 2>&1; then
		udevadm verify "$dir"/*.rules >"$base/verify" 2>&1 || fail "$(cat "$base/verify")"
	elif command -v udevadm >/dev/null && [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
		read_by_udevadm_test
	else
		skip "udevadm has no 'verify': run this with systemd 254 or newer, or as root with the right to a mount namespace"
	fi
}

test_page_has_the_session() {
	"$dir/session" >"$base/session" || fail "the session failed"
	sed -n '/^<!-- session -->$/,/^<!-- end of session -->$/s/^    //p; ' "$dir/udev.md" >"$base/page"
	# Empty lines have no indentation.
	grep -v '^$' "$base/session" >"$base/want"
	grep -v '^$' "$base/page" >"$base/have"
	diff -u "$base/have" "$base/want" | sed 's/^/# /'
	cmp -s "$base/have" "$base/want" || fail "doc/udev.md differs from what selftests/bind/session prints"
}

run_tests
