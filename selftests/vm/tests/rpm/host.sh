# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
copies() {
	guest_says "copy $1\$" || exit 1
	copy_vmfile fcopy --generate 100000:1 --source file --destination "/srv/$1" >copy.out 2>&1 || note "$1: $(cat copy.out)"
	tell "copied $1"
}
copies installed
copies again
