# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154
# run-guest sources this file. It runs QEMU of the root `emulator` with that
# root's own loader, so that this machine needs no QEMU, no library and no
# package of another suite.

# Without this, QEMU tries to load the modules of the machine's own QEMU.
export QEMU_MODULE_DIR=$emulator/usr/lib/x86_64-linux-gnu/qemu

# qemu PROGRAM ARGUMENT...: become a QEMU of the root
qemu() {
	local program=$1
	shift
	exec "$emulator/usr/lib64/ld-linux-x86-64.so.2" --library-path "$emulator/usr/lib/x86_64-linux-gnu" \
		"$emulator/usr/bin/$program" -L "$emulator/usr/share/seabios" -L "$emulator/usr/share/qemu" "$@"
}
