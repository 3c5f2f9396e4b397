# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# shellcheck disable=SC2154
# seed NUMBER: let the host begin with this seed, and wait until it has
seed() {
	printf 'qom-set /machine/peripheral/bus seed %s\ninfo status\n' "$1" >monitor.in
	asked=$((asked + 1))
	until [ "$(grep -c 'VM status' monitor.log)" -ge $asked ] || ! guest_runs; do sleep 0.05; done
}
asked=0
# QEMU started with this seed, which is HYPERV_UIO_SEED if that is set.
guest_says first || exit 1
seed "$seed"
tell "the same seed"
guest_says same || exit 1
seed $((seed + 1))
tell "another seed"
guest_says other || exit 1
