# SPDX-License-Identifier: GPL-2.0-only
# Build the kselftest collections against the library in the tree, run them, and
# install them.

selftests_build   := $(O)/selftests
selftests_install := $(selftests_build)/kselftest_install
unit_log          := $(O)/check-unit.log
unit_results      := $(O)/check-unit.tap

# Run a separate make: the variables of this one (CFLAGS=, O=) would override
# the settings of the collections. HYPERV_UIO_BUILD is the build directory, for
# collections that need more of it than the library.
selftests_make = env -u MAKEFLAGS -u MAKELEVEL HYPERV_UIO_BUILD=$(abspath $(O)) \
	$(MAKE) --no-print-directory $(if $(filter 0,$(V)),-s) -C selftests \
	BUILD=$(abspath $(selftests_build)) CC="$(CC)" O= \
	USERCFLAGS="-std=gnu11 $(WARNINGS) $(HARDENING) $(CFLAGS) $(CPPFLAGS)" \
	USERLDFLAGS="$(LDFLAGS)" VMBUS_CFLAGS=-I$(abspath lib) \
	VMBUS_LIBS="$(abspath $(lib_a)) $(lib_needs)" $(if $(TARGETS),TARGETS="$(TARGETS)")

.PHONY: selftests check-unit check-sanitize check-selftests
selftests: lib daemons tools
	$(call quiet,SELFTEST)
	$(Q)$(selftests_make) all

# Run everything that needs no VMBus: uio:device.sh runs in guests, and
# abi:module_files.sh on Hyper-V. $(unit_results) has the results, one line each
# as 'ok N selftests: collection: name', and $(unit_log) the whole output. The
# benchmark belongs to the collection bufring. The collection fcopy mostly
# waits, so it runs beside the others, and its output follows theirs.
unit_bench = $(if $(TARGETS),$(filter bufring,$(TARGETS)),all)
unit_run   = HYPERV_UIO_BUILD=$(abspath $(O)) $(selftests_install)/run_kselftest.sh -S uio:device.sh -S abi:module_files.sh
check-unit: selftests
	$(Q)rm -rf $(selftests_install)
	$(Q)$(selftests_make) install INSTALL_PATH=$(abspath $(selftests_install)) >/dev/null
	@listing() { find $(selftests_install) -printf '%p %s %t\n' | sort; }; listing >$(unit_log).before; \
	{ $(MAKE) -s --no-print-directory check-lib; echo $$? >$(unit_log).status; \
		$(if $(unit_bench),$(MAKE) -s --no-print-directory check-bench; echo $$? >>$(unit_log).status;) \
		fcopy=''; installed() { cut -d : -f 1 $(selftests_install)/kselftest-list.txt | sort -u | grep "$$@"; }; \
		! installed -qx fcopy || { $(unit_run) -c fcopy >$(unit_log).fcopy 2>&1 & fcopy=$$!; }; \
		others=$$(installed -vx fcopy | sed 's/^/-c /'); \
		[ -z "$$others" ] || { $(unit_run) $$others; echo $$? >>$(unit_log).status; }; \
		[ -z "$$fcopy" ] || { wait $$fcopy; echo $$? >>$(unit_log).status; cat $(unit_log).fcopy; }; \
		if listing | diff $(unit_log).before -; then echo "ok selftests write nothing to their installation"; \
		else echo "not ok selftests write nothing to their installation"; echo 1 >>$(unit_log).status; fi; } | tee $(unit_log); \
	grep -E '^(ok|not ok) ' $(unit_log) >$(unit_results); \
	! grep -qv '^0$$' $(unit_log).status

# Test the selftests as a product: install them from a fresh clone, and run them
# as LISA does. With ALL=1 the clone builds every collection.
check-selftests:
	$(Q)selftests/check-selftests $(abspath $(O))/selftests-product $(if $(ALL),all)

# Run the library and its tests with the compiler's sanitizers.
check-sanitize:
	$(Q)mkdir -p $(O)/sanitize
	$(Q)selftests/check-sanitize $(O)/sanitize $(if $(ALL),all)

# Run the long test, with the host in another thread and in another process: 100
# million packets in batches, and fewer in the other ways.
.PHONY: soak
soak: $(lib_internal_a)
	$(Q)mkdir -p $(O)/soak
	$(Q)$(CC) $(base_cflags) $(CFLAGS) -Wno-missing-prototypes $(lib_cflags) -DMESSAGES=$(or $(MESSAGES),20000000) \
		-Wl,--wrap=pthread_mutex_lock -o $(O)/soak/threads selftests/bufring/threads.c $(lib_internal_a) $(lib_needs)
	$(Q)$(O)/soak/threads

# Run the fuzzers of the daemon for FUZZ_SECONDS each, under ASan and UBSan.
# make check-fuzz runs only the first one.
fuzz_seconds = $(or $(FUZZ_SECONDS),600)
fuzz_dir    := $(abspath $(O))/fcopy-fuzz
fuzz_cflags := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
fuzz_make    = env -u MAKEFLAGS -u MAKELEVEL $(MAKE) -s --no-print-directory

fuzz_all    += fuzz-fcopy-corpus fuzz-fcopy-hostile
fuzz_check  += fuzz-fcopy-corpus

.PHONY: fuzz-fcopy fuzz-fcopy-build fuzz-fcopy-corpus fuzz-fcopy-hostile
fuzz-fcopy: fuzz-fcopy-corpus fuzz-fcopy-hostile
fuzz-fcopy-build:
	$(Q)$(fuzz_make) O=$(fuzz_dir) HARDENING= CFLAGS="$(fuzz_cflags)" $(fuzz_dir)/lib/libvmbus_bufring.a
	$(Q)mkdir -p $(fuzz_dir)/fcopy
	$(Q)cp -R selftests/fcopy/corpus $(fuzz_dir)/fcopy/
	$(Q)$(fuzz_make) -C selftests/fcopy $(addprefix $(fuzz_dir)/fcopy/,fuzz hostile) O= OUTPUT=$(fuzz_dir)/fcopy \
		USERCFLAGS="-std=gnu11 $(fuzz_cflags)" VMBUS_CFLAGS=-I$(abspath lib) \
		VMBUS_LIBS="$(fuzz_dir)/lib/libvmbus_bufring.a $(lib_needs)" >/dev/null
fuzz-fcopy-corpus: fuzz-fcopy-build
	$(Q)FUZZ_SECONDS=$(fuzz_seconds) timeout -k 10 $$(($(fuzz_seconds) + 120)) $(fuzz_dir)/fcopy/fuzz
fuzz-fcopy-hostile: fuzz-fcopy-build
	$(Q)HOSTILE_SECONDS=$(fuzz_seconds) timeout -k 10 $$((2 * $(fuzz_seconds) + 120)) $(fuzz_dir)/fcopy/hostile

installs += install-selftests
install-selftests: selftests
	$(Q)$(INSTALL) -d $(DESTDIR)$(selftestsdir)
	$(Q)$(selftests_make) install INSTALL_PATH=$(abspath $(DESTDIR)$(selftestsdir)) >/dev/null
