#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check that udev can read the rules files. Before systemd 254 udevadm has no
# 'verify'. 'udevadm test' reads the files, too, in a mount namespace that has
# no other rules, and its log names each fault as FILE:LINE.
dir=$(dirname "$(readlink -f "$0")")
# shellcheck source=../kselftest/ktap_helpers.sh
command . "$dir/ktap_helpers.sh" || exit 1

ktap_print_header
if udevadm verify --help >/dev/null 2>&1; then
	check() { udevadm verify "$dir/$1"; }
elif command -v udevadm >/dev/null && [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	base=$(mktemp -d) || exit 1
	trap 'rm -rf "$base"' EXIT
	cp "$dir"/*.rules "$base/"
	cat >"$base/test" <<-END
		mount --make-rprivate / && mount -t tmpfs none /run && mkdir /run/udev &&
		mount -t tmpfs none /dev && mknod /dev/null c 1 3 &&
		mount --bind $base /usr/lib/udev/rules.d || exit 1
		[ ! -d /etc/udev ] || mount -t tmpfs none /etc/udev || exit 1
		exec udevadm test /sys/class/mem/null
	END
	unshare -m sh "$base/test" >"$base/log" 2>&1 || :
	check() {
		grep -q "^Reading rules file: /usr/lib/udev/rules.d/$1$" "$base/log" || {
			cat "$base/log"
			return 1
		}
		! grep "^/usr/lib/udev/rules.d/$1:" "$base/log"
	}
else
	ktap_skip_all "udevadm has no 'verify': run this with systemd 254 or newer, or as root with the right to a mount namespace"
	exit "$KSFT_SKIP"
fi
ktap_set_plan 2
for rules in 60-hyperv-uio.rules 61-hv-fcopyd.rules; do
	if out=$(check "$rules" 2>&1); then
		ktap_test_pass "$rules"
	else
		echo "$out" | sed 's/^/# /'
		ktap_test_fail "$rules"
	fi
done
ktap_finished
