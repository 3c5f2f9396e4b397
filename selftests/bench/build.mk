# SPDX-License-Identifier: GPL-2.0-only
# Benchmarks: ratios from one run, never a test. PEERS=no leaves out the libraries that ours is measured against, which are
# fetched as Debian packages, into the cache, and for x86-64 only.

PEERS        ?= yes
bench_dir    := $(O)/bench
bench_objects := $(bench_dir)/ring.o $(bench_dir)/ours.o
ifeq ($(PEERS),yes)
bench_objects += $(bench_dir)/peers.o $(bench_dir)/dpdk.o $(bench_dir)/hv.o
bench_define := -DPEERS
endif

.PHONY: bench bench-ring bench-fcopy
# One after the other: side by side, they would measure each other.
bench:
	$(Q)$(MAKE) --no-print-directory bench-ring
ifeq ($(PEERS),yes)
	$(Q)$(MAKE) --no-print-directory bench-fcopy
endif

bench-ring: $(bench_dir)/ring
	$(Q)$< $(bench_dir)/ring.csv $(bench_dir)/ring.svg
	$(Q)printf '\nTable: %s, plot: %s\n' $(bench_dir)/ring.csv $(bench_dir)/ring.svg
ifeq ($(PEERS),yes)
	$(Q)sed 's/^/Peer: /' $(bench_dir)/peers/versions
endif

$(bench_dir)/%.o: selftests/bench/%.c
	$(call compile,$(lib_cflags) $(bench_define))

# Both define the same names; each gets a prefix of its own.
$(bench_dir)/peers/versions: selftests/vm/root selftests/vm/root-bench
	$(Q)mkdir -p $(bench_dir)
	$(Q)root=$$(selftests/vm/root bench) && ln -sfn "$$root/peers" $(bench_dir)/peers

$(bench_dir)/dpdk.o: $(bench_dir)/peers/versions
	$(call quiet,PEER)
	$(Q)cd $(bench_dir) && ar x peers/librte_bus_vmbus.a bus_vmbus_vmbus_bufring.c.o && \
		objcopy --redefine-sym vmbus_br_setup=dpdk_br_setup --redefine-sym vmbus_txbr_write=dpdk_txbr_write \
		--redefine-sym vmbus_rxbr_peek=dpdk_rxbr_peek --redefine-sym vmbus_rxbr_read=dpdk_rxbr_read \
		bus_vmbus_vmbus_bufring.c.o $(abspath $@)

$(bench_dir)/hv.o: $(bench_dir)/peers/versions
	$(call quiet,PEER)
	$(Q)$(CC) -O2 -w -D_GNU_SOURCE -I$(bench_dir)/peers/tools/include -Dvmbus_br_setup=hv_br_setup -Dvmbus_uio_map=hv_uio_map \
		-Drte_vmbus_chan_send=hv_chan_send -Drte_vmbus_chan_recv_raw=hv_chan_recv_raw \
		-c -o $@ $(bench_dir)/peers/tools/hv/vmbus_bufring.c

$(bench_dir)/ring: $(bench_objects) $(lib_a)
	$(call link,-pthread $(bench_objects) $(lib_a) $(lib_uuid) -lm)

# hv-fcopyd and the kernel tree's daemon in the same guest: by a clock that counts instructions, and by the clock on the wall with
# processors of its own for the host.
bench-fcopy: export O := $(abspath $(O))
bench-fcopy:
	$(Q)for clock in counted 2; do \
		FCOPYD_OUTER=$$clock selftests/vm/run -o $(O)/vm/bench-fcopy-$$clock fcopyd-bench@6.12 || exit; \
	done
	$(Q)for clock in counted 2; do \
		sed -n 's/^# host: table //p' $(O)/vm/bench-fcopy-$$clock/results.tap; echo; \
	done

-include $(wildcard $(bench_dir)/*.d)
