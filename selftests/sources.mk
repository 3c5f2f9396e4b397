# SPDX-License-Identifier: GPL-2.0-only
# The parts of the sources that the collections use. The Makefile of a
# collection includes this file first. In this repository HYPERV_UIO is ../.. by
# default. In a kernel tree it is the directory hyperv-uio beside the
# collections, and ../lib.mk is the kernel's. The caller may set it.
#
# A collection is linked with the library of these sources, which its Makefile
# builds. VMBUS_CFLAGS and VMBUS_LIBS choose another library, for example
# VMBUS_CFLAGS= VMBUS_LIBS=-lvmbus_bufring that of the system. The collection
# bufring and a test of fcopy call internal functions, too, and need an archive
# of these sources.
#
# NEEDS lists the pkg-config modules without which the collection cannot be
# built, and NEEDS_HEADERS the headers that not every C library or machine has.
# 'make needs' names the missing ones.

PKG_CONFIG    ?= pkg-config
OUTPUT        ?= $(CURDIR)
.DEFAULT_GOAL := all

HYPERV_UIO    := $(abspath $(HYPERV_UIO))
ktap          := $(addprefix $(HYPERV_UIO)/selftests/kselftest/,ktap.h wait.h)

# The sources name headers of other directories relative to their own, which may
# be different in a kernel tree: this finds "../kselftest/ktap.h".
CFLAGS        += -D_GNU_SOURCE= -I$(HYPERV_UIO)/selftests/$(notdir $(CURDIR))

# $(call compile,FLAGS): compile an object, and list the headers that it depends
# on in a file for -include
compile        = $(CC) $(CFLAGS) $(CPPFLAGS) $(1) -MMD -MP -MF $@.d -c -o $@ $<

ifeq ($(origin VMBUS_LIBS),undefined)
vmbus_build   := $(abspath $(OUTPUT)/..)/hyperv-uio-build
vmbus_a       := $(vmbus_build)/lib/libvmbus_bufring.a
VMBUS_CFLAGS  := -I$(HYPERV_UIO)/lib
VMBUS_LIBS     = $(vmbus_a) $(shell $(PKG_CONFIG) --libs uuid 2>/dev/null) -pthread
NEEDS         += uuid
EXTRA_CLEAN   += $(vmbus_build)

# Run make without the variables of this one (O=, OUTPUT=), which are not for
# the library. That make decides whether the library is out of date, so it runs
# every time.
.PHONY: vmbus_library
vmbus_library:
$(vmbus_a): vmbus_library
	@env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u O -u V -u CFLAGS -u CPPFLAGS -u LDFLAGS \
		$(MAKE) -s --no-print-directory -C $(HYPERV_UIO) O=$(vmbus_build) CC="$(CC)" CROSS_COMPILE="$(CROSS_COMPILE)" $@
$(vmbus_a:.a=-internal.a): $(vmbus_a) ;
endif

# Tests that call internal functions of the library link this archive.
VMBUS_INTERNAL = $(VMBUS_LIBS:%/libvmbus_bufring.a=%/libvmbus_bufring-internal.a)

# A script finds it in its own directory, wherever the collection is installed.
$(OUTPUT)/ktap_helpers.sh: $(HYPERV_UIO)/selftests/kselftest/ktap_helpers.sh
	@mkdir -p $(@D)
	@cp $< $@

.PHONY: needs
needs:
	@command -v $(firstword $(CC)) >/dev/null || echo "a C compiler ($(firstword $(CC)))"
	@command -v $(firstword $(PKG_CONFIG)) >/dev/null || echo "$(firstword $(PKG_CONFIG))"
	@for module in $(sort $(NEEDS)); do \
		$(PKG_CONFIG) --exists $$module 2>/dev/null || echo "$$module ($$module.pc of its development package)"; \
	done
	@! command -v $(firstword $(CC)) >/dev/null || for header in $(sort $(NEEDS_HEADERS)); do \
		echo "#include <$$header>" | $(CC) $(CFLAGS) $(CPPFLAGS) -x c -E - >/dev/null 2>&1 || \
			echo "<$$header> (a header of the C library or of the kernel)"; \
	done
