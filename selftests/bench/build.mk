# SPDX-License-Identifier: GPL-2.0-only
# Benchmarks: ratios from one run, never a test.

.PHONY: bench
bench: $(O)/bench/ring
	$(Q)$(O)/bench/ring

$(O)/bench/ring.o: selftests/bench/ring.c
	$(call compile,$(lib_cflags))

$(O)/bench/ring: $(O)/bench/ring.o $(lib_a)
	$(call link,$^ $(lib_uuid))

-include $(wildcard $(O)/bench/*.d)
