#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# usage: probe.sh OUTPUT DIR STOCK COMPILER FLAGS...
#
# This script finds out which interfaces the kernel has, and writes OUTPUT. It
# compiles each DIR/<fact>.c with the kernel's own compiler and flags, and
# OUTPUT defines HVUIO_<FACT> for each one that compiles. Every needs_*.c must
# compile. STOCK is the kernel's own uio_hv_generic.ko, "none" if the kernel has
# no such module, or empty if the module was not found. OUTPUT defines
# HVUIO_STOCK_CLAIMS_FCOPY if that module binds the fcopy device.
set -eu

output=$1
dir=$2
stock=$3
shift 3

fail() {
	echo "uio_hv_generic: $*" >&2
	exit 1
}

# A warning must not decide a fact, even if the kernel's configuration turns
# warnings into errors. A pointer of the wrong type or an unknown function must
# decide it, so there is no -w, which would accept both.
compiles() {
	fact=$1
	shift
	"$@" -DKBUILD_MODNAME='"probe"' -DKBUILD_BASENAME='"probe"' -Wno-error \
		-Werror=incompatible-pointer-types -Werror=implicit-function-declaration \
		-Werror=int-conversion -fsyntax-only "$dir/$fact.c"
}

if ! why=$(compiles sane_pass "$@" 2>&1); then
	printf '%s\n' "$why" >&2
	fail "the kernel's compiler or headers do not work: the simplest driver does not compile, see above"
fi
if compiles sane_fail "$@" >/dev/null 2>&1; then
	fail "the kernel's compiler accepts wrong types, so this kernel's interfaces cannot be told apart"
fi

missing=
for source in "$dir"/needs_*.c; do
	fact=$(basename "$source" .c)
	compiles "$fact" "$@" >/dev/null 2>&1 || missing="$missing${missing:+, }${fact#needs_}"
done
[ -z "$missing" ] || fail "this kernel's VMBus is too old, it has no $missing: Linux has them since 5.4, RHEL 8.7 in its 4.18"

fcopy=vmbus:e34bd134e4dec8419ae76b174977c192
claims_fcopy=
if [ "$stock" = none ]; then
	echo "uio_hv_generic: this kernel has no such module of its own, so this one binds no device by itself" >&2
elif [ -n "$stock" ]; then
	aliases=$(PATH=$PATH:/usr/sbin:/sbin modinfo -F alias "$stock") || fail "modinfo cannot read $stock, the kernel's own module; STOCK= builds without its device ids"
	case "
$aliases
" in *"
$fcopy
"*) claims_fcopy=1 ;;
	esac
else
	echo "uio_hv_generic: the kernel's own module was not found (STOCK=FILE names it), so this one binds no device by itself" >&2
fi

{
	echo '/* SPDX-License-Identifier: GPL-2.0-only */'
	echo '/* What compiled against this kernel; made by probe.sh. */'
	for source in "$dir"/*.c; do
		fact=$(basename "$source" .c)
		case $fact in sane_* | needs_*) continue ;; esac
		if compiles "$fact" "$@" >/dev/null 2>&1; then
			printf '#define HVUIO_%s 1\n' "$(printf '%s' "$fact" | tr '[:lower:]' '[:upper:]')"
		fi
	done
	[ -z "$claims_fcopy" ] || echo '#define HVUIO_STOCK_CLAIMS_FCOPY 1'
} >"$output.tmp"
mv "$output.tmp" "$output"
