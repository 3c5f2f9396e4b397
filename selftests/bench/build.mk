# SPDX-License-Identifier: GPL-2.0-only
# Benchmarks print ratios from one run, and are never tests. PEERS=no leaves out
# the libraries with which ours is compared: their source is fetched from Debian
# into the cache, and is built here for x86-64 only.

PEERS        ?= yes
# LTO=1 compiles all contenders for link-time optimization, and links the
# library's archive for that.
LTO          ?= 0
# Objects that are compiled in different ways lie in different directories.
bench_dir    := $(O)/bench$(if $(filter 1,$(LTO)),-lto)$(if $(filter yes,$(PEERS)),,-alone)
ifeq ($(LTO),1)
bench_lib    := $(lib_lto_a)
# In this archive the internal functions have other names.
bench_lto    := $(lto_cflags)
bench_names   = -include $(lib_lto)/names.h
else
bench_lib    := $(lib_internal_a)
bench_lto    := -fno-lto
endif
bench_objects := $(addprefix $(bench_dir)/,ring.o content.o report.o ours.o fenced.o)
ifeq ($(PEERS),yes)
bench_objects += $(addprefix $(bench_dir)/,dpdk.o dpdk_channel.o dpdk_bufring.o dpdk_rest.o hv.o hv_bufring.o)
bench_define := -DPEERS
endif

.PHONY: bench bench-ring bench-fcopy
# Run one after the other. In parallel, they would measure each other.
bench:
	$(Q)$(MAKE) --no-print-directory bench-ring
ifeq ($(PEERS),yes)
	$(Q)$(MAKE) --no-print-directory bench-fcopy
endif

bench-ring: $(bench_dir)/ring $(bench_dir)/flags
	$(Q)sed 's/^/All are compiled with: /' $(bench_dir)/flags
ifeq ($(PEERS),yes)
	$(Q)sed 's/^/Peer: /' $(bench_dir)/peers/versions
endif
	$(Q)$< $(bench_dir)/ring.csv
	$(Q)printf '\nTable: %s\n' $(bench_dir)/ring.csv

# The same rule compiles the peers, the library, and the code that calls them,
# with the same flags. The warnings of the peers are not ours to fix.
bench_compile = $(call compile,-fPIC $(bench_lto) $(1))
bench_dpdk   := $(bench_dir)/peers/dpdk
dpdk_cflags  := -Iselftests/bench -isystem $(bench_dpdk)/drivers/bus/vmbus -isystem $(bench_dpdk)/config \
		-isystem $(bench_dpdk)/lib/eal/include -isystem $(bench_dpdk)/lib/eal/x86/include \
		-isystem $(bench_dpdk)/lib/eal/linux/include -include rte_config.h -DALLOW_INTERNAL_API
# Both peers define the same names.
hv_cflags    := -isystem $(bench_dir)/peers/tools/hv \
		-Dvmbus_br_setup=hv_br_setup -Dvmbus_uio_map=hv_uio_map -Drte_vmbus_chan_send=hv_chan_send \
		-Drte_vmbus_chan_recv_raw=hv_chan_recv_raw

$(bench_dir)/%.o: selftests/bench/%.c selftests/bench/build.mk | $(bench_lib)
	$(call bench_compile,$(lib_cflags) $(bench_define) $(bench_names))

$(bench_dir)/peers/versions: selftests/vm/root selftests/vm/root-bench
	$(Q)mkdir -p $(bench_dir)
	$(Q)root=$$(selftests/vm/root bench) && ln -sfn "$$root/peers" $(bench_dir)/peers
$(bench_dpdk)/drivers/bus/vmbus/vmbus_bufring.c $(bench_dir)/peers/tools/hv/vmbus_bufring.c: $(bench_dir)/peers/versions ;

$(bench_dir)/dpdk.o: selftests/bench/dpdk.c $(bench_dir)/peers/versions
	$(call bench_compile,$(dpdk_cflags) $(bench_define))
$(bench_dir)/dpdk_channel.o: selftests/bench/dpdk_channel.c $(bench_dir)/peers/versions
	$(call bench_compile,$(dpdk_cflags) -w)
$(bench_dir)/dpdk_bufring.o: $(bench_dpdk)/drivers/bus/vmbus/vmbus_bufring.c
	$(call bench_compile,$(dpdk_cflags) -w)

$(bench_dir)/hv.o: selftests/bench/hv.c $(bench_dir)/peers/versions
	$(call bench_compile,$(hv_cflags) $(bench_define))
$(bench_dir)/hv_bufring.o: $(bench_dir)/peers/tools/hv/vmbus_bufring.c
	$(call bench_compile,$(hv_cflags) -w)

$(bench_dir)/ring: $(bench_objects) $(bench_lib)
	$(call link,$(bench_lto) $(bench_objects) $(bench_lib) $(lib_needs))

# The compiler records its flags in the objects. This compares them, because the
# library may have been built earlier with others. It does not record the
# options of the preprocessor, which are one variable for all.
$(bench_dir)/flags: $(bench_dir)/ring
	$(Q)for object in $(bench_objects) $(bench_lib); do \
		$(CROSS_COMPILE)readelf --debug-dump=info "$$object" 2>/dev/null; \
	done | sed -n 's/.*DW_AT_producer *: *\((indirect[^)]*): \)*//p' | sort -u >$@.new
	$(Q)[ $$(wc -l <$@.new) = 1 ] || { \
		echo "$@: the contenders are compiled with different flags, or without -g: 'make clean', and see $@.new" >&2; exit 1; }
	$(Q)sed 's/ *$$/ $(filter -D% -U%,$(HARDENING) $(CFLAGS) $(CPPFLAGS))/' $@.new >$@

# Build the benchmark without the peers, and let it verify every cell. It times
# nothing. PEERS is a variable of the other make.
.PHONY: check-bench
check-bench:
	$(Q)name="selftests: bench: ring compiles without its peers"; \
	$(MAKE) -s --no-print-directory PEERS=no LTO=0 WERROR=1 $(O)/bench-alone/ring >&2 || { \
		echo "not ok 1 $$name"; exit 1; }; \
	echo "ok 1 $$name"; \
	name="selftests: bench: the library moves every packet of every cell"; \
	if $(O)/bench-alone/ring -v >&2; then echo "ok 2 $$name"; else echo "not ok 2 $$name"; exit 1; fi

# Compile the headers of DPDK's bus driver and of the library in one program, in
# either order.
.PHONY: check-dpdk-header
check-dpdk-header: $(bench_dir)/peers/versions
	$(Q)number=0; for order in '' -DDPDK_FIRST; do \
		number=$$((number + 1)); \
		name="selftests: bench: <rte_bus_vmbus.h>$${order:+, first,} and <vmbus_bufring.h>"; \
		if $(CC) -std=gnu11 $(WARNINGS) -Werror $(lib_cflags) $(dpdk_cflags) $$order -fsyntax-only \
			selftests/bench/with_dpdk.c; then echo "ok $$number $$name"; \
		else echo "not ok $$number $$name"; fi; \
	done

# Compare hv-fcopyd and the kernel tree's daemon in the same guest, with one
# processor and with two.
bench-fcopy: export O := $(abspath $(O))
bench-fcopy:
	$(Q)for processors in 1 2; do \
		FCOPYD_PROCESSORS=$$processors selftests/vm/run -o $(O)/vm/bench-fcopy-$$processors fcopyd-bench@6.12 || exit; \
	done
	$(Q)for processors in 1 2; do \
		sed -n 's/^# host: table //p' $(O)/vm/bench-fcopy-$$processors/results.tap; echo; \
	done

-include $(wildcard $(bench_dir)/*.d)
