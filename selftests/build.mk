# SPDX-License-Identifier: GPL-2.0-only
# The kselftest collections: built against the library in the tree, run,
# installed.

selftests_build   := $(O)/selftests
selftests_install := $(selftests_build)/kselftest_install
unit_log          := $(O)/check-unit.log
unit_results      := $(O)/check-unit.tap

# A make of its own: the variables of this one (CFLAGS=, O=) would override the
# collections' settings there. HYPERV_UIO_BUILD is the build folder, for
# collections that need more of it than the library.
selftests_make = env -u MAKEFLAGS -u MAKELEVEL HYPERV_UIO_BUILD=$(abspath $(O)) \
	$(MAKE) --no-print-directory $(if $(filter 0,$(V)),-s) -C selftests \
	BUILD=$(abspath $(selftests_build)) CC="$(CC)" O= \
	USERCFLAGS="-std=gnu11 $(WARNINGS) $(HARDENING) $(CFLAGS) $(CPPFLAGS)" \
	USERLDFLAGS="$(LDFLAGS)" VMBUS_CFLAGS=-I$(abspath lib) \
	VMBUS_LIBS="$(abspath $(lib_a)) $(lib_uuid)" $(if $(TARGETS),TARGETS="$(TARGETS)")

.PHONY: selftests check-unit check-sanitize check-selftests
selftests: lib daemons tools
	$(call quiet,SELFTEST)
	$(Q)$(selftests_make) all

# Everything that needs no VMBus: uio:device.sh runs in guests, and
# abi:module_files.sh on Hyper-V. The results, one line each as
# 'ok N selftests: collection: name', stay in $(unit_results), all that was
# printed in $(unit_log).
check-unit: selftests
	$(Q)rm -rf $(selftests_install)
	$(Q)$(selftests_make) install INSTALL_PATH=$(abspath $(selftests_install)) >/dev/null
	@listing() { find $(selftests_install) -printf '%p %s %t\n' | sort; }; listing >$(unit_log).before; \
	{ $(MAKE) -s --no-print-directory check-lib; echo $$? >$(unit_log).status; \
		HYPERV_UIO_BUILD=$(abspath $(O)) $(selftests_install)/run_kselftest.sh -S uio:device.sh -S abi:module_files.sh; \
		echo $$? >>$(unit_log).status; \
		if listing | diff $(unit_log).before -; then echo "ok selftests write nothing to their installation"; \
		else echo "not ok selftests write nothing to their installation"; echo 1 >>$(unit_log).status; fi; } | tee $(unit_log); \
	grep -E '^(ok|not ok) ' $(unit_log) >$(unit_results); \
	! grep -qv '^0$$' $(unit_log).status

# The selftests as a product: installed from a fresh clone, run as LISA does,
# skipped with advice.
check-selftests:
	$(Q)selftests/check-selftests $(abspath $(O))/selftests-product

# hv-host.ps1 read by a grammar of PowerShell
.PHONY: check-powershell
check-powershell:
	$(Q)selftests/check-powershell $(abspath $(O))/powershell

# The library and its tests again, with the compiler's checkers inside.
check-sanitize:
	$(Q)mkdir -p $(O)/sanitize
	$(Q)selftests/check-sanitize $(O)/sanitize

installs += install-selftests
install-selftests: selftests
	$(Q)$(INSTALL) -d $(DESTDIR)$(selftestsdir)
	$(Q)$(selftests_make) install INSTALL_PATH=$(abspath $(DESTDIR)$(selftestsdir)) >/dev/null
