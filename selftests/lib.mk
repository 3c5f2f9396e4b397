# SPDX-License-Identifier: GPL-2.0-only
# The rules of a collection, with the names of the kernel's
# tools/testing/selftests/lib.mk. A collection's Makefile sets, before it
# includes this file as ../lib.mk:
#
# TEST_PROGS               scripts that are tests
# TEST_GEN_PROGS           compiled tests, each from the .c file of its name
# TEST_CUSTOM_PROGS        tests that the collection's own rules make, named
#                          with $(OUTPUT)/
# TEST_PROGS_EXTENDED      scripts that tests use: installed, not run
# TEST_GEN_PROGS_EXTENDED  compiled programs that tests use
# TEST_FILES               other files that tests use
# TEST_GEN_FILES           the same, made by the collection's own rules
# LOCAL_HDRS               headers whose change rebuilds all of its programs
# EXTRA_CLEAN              further files that 'clean' removes
# CFLAGS, LDLIBS           for compiled programs
#
# Targets: all, run_tests, install (INSTALL_PATH), emit_tests, clean.

ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)gcc
endif
OUTPUT ?= $(CURDIR)
selfdir := $(realpath $(dir $(lastword $(filter %/lib.mk,$(MAKEFILE_LIST)))))
COLLECTION ?= $(notdir $(CURDIR))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

TEST_GEN_PROGS          := $(patsubst %,$(OUTPUT)/%,$(TEST_GEN_PROGS))
TEST_GEN_PROGS_EXTENDED := $(patsubst %,$(OUTPUT)/%,$(TEST_GEN_PROGS_EXTENDED))
TEST_GEN_FILES          := $(patsubst %,$(OUTPUT)/%,$(TEST_GEN_FILES))

tests     := $(TEST_GEN_PROGS) $(TEST_CUSTOM_PROGS) $(TEST_PROGS)
made      := $(TEST_GEN_PROGS) $(TEST_CUSTOM_PROGS) $(TEST_GEN_PROGS_EXTENDED) $(TEST_GEN_FILES)
given     := $(TEST_PROGS) $(TEST_PROGS_EXTENDED) $(TEST_FILES) $(wildcard settings config)

CFLAGS    += -D_GNU_SOURCE= -I$(selfdir) $(USERCFLAGS)
LDFLAGS   += $(USERLDFLAGS)

.PHONY: all run_tests install emit_tests clean

all: $(made)

ifeq ($(OVERRIDE_TARGETS),)
$(OUTPUT)/%: %.c $(LOCAL_HDRS) $(filter %.a,$(LDLIBS))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS) -MMD -MP -MF $@.d -o $@ \
		$(filter-out %.h %.a,$^) $(LDLIBS)
-include $(wildcard $(addprefix $(OUTPUT)/,*.d */*.d */*/*.d))
endif

# With another build directory, copy the scripts there, so that a test finds all
# files that it uses beside it.
run_tests: all
ifneq ($(realpath $(OUTPUT)),$(CURDIR))
	@mkdir -p $(OUTPUT)
	@$(if $(strip $(given)),cp -pR $(given) $(OUTPUT)/)
	@cp -pR $(selfdir)/kselftest $(OUTPUT)/..
endif
	@cd $(OUTPUT) && COLLECTION=$(COLLECTION) /bin/sh -c '. $(selfdir)/kselftest/runner.sh && \
		run_many $(notdir $(tests)) && [ "$$kselftest_failures" = 0 ]'

install: all
ifndef INSTALL_PATH
	$(error set INSTALL_PATH to use install)
endif
	@mkdir -p $(INSTALL_PATH)
	@$(if $(strip $(given) $(made)),cp -pR $(given) $(made) $(INSTALL_PATH)/)

emit_tests:
	@$(foreach test,$(tests),echo "$(COLLECTION):$(notdir $(test))";) :

clean:
	rm -rf $(made) $(made:=.d) $(EXTRA_CLEAN)
