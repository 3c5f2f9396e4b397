#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# probe.sh OUTPUT DIR COMPILER FLAGS...: tries every DIR/<fact>.c with the kernel's own compiler and
# flags and writes one HVUIO_<FACT> for each that compiles.
set -eu

output=$1
dir=$2
shift 2

# A warning must not decide, whatever the kernel's configuration makes of warnings; a wrong pointer
# and an unknown function must. No -w: it would turn both into a yes.
compiles() {
	fact=$1
	shift
	"$@" -DKBUILD_MODNAME='"probe"' -DKBUILD_BASENAME='"probe"' -Wno-error \
		-Werror=incompatible-pointer-types -Werror=implicit-function-declaration \
		-Werror=int-conversion -fsyntax-only "$dir/$fact.c"
}

if ! why=$(compiles sane_pass "$@" 2>&1); then
	printf '%s\n' "$why" >&2
	echo "uio_hv_generic: the kernel's compiler or headers do not work: the simplest driver does not compile, see above" >&2
	exit 1
fi
if compiles sane_fail "$@" >/dev/null 2>&1; then
	echo "uio_hv_generic: the kernel's compiler accepts wrong types, so this kernel's interfaces cannot be told apart" >&2
	exit 1
fi

{
	echo '/* SPDX-License-Identifier: GPL-2.0-only */'
	echo '/* What compiled against this kernel; made by probe.sh. */'
	for source in "$dir"/*.c; do
		fact=$(basename "$source" .c)
		case $fact in sane_*) continue ;; esac
		if compiles "$fact" "$@" >/dev/null 2>&1; then
			printf '#define HVUIO_%s 1\n' "$(printf '%s' "$fact" | tr '[:lower:]' '[:upper:]')"
		fi
	done
} >"$output.tmp"
mv "$output.tmp" "$output"
