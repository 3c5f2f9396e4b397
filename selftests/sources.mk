# SPDX-License-Identifier: GPL-2.0-only
# What the collections take from the sources of hyperv-uio. A collection's
# Makefile includes this file first. In this repository HYPERV_UIO is ../.. and
# in a kernel tree it is hyperv-uio beside the collections, or what the caller
# says; there ../lib.mk is the kernel's.
#
# A collection is linked with the library of these sources, which is built where
# it is needed. VMBUS_CFLAGS and VMBUS_LIBS choose another one, for example
# VMBUS_CFLAGS= VMBUS_LIBS=-lvmbus_bufring the one of the system.
#
# NEEDS lists the pkg-config modules without which the collection cannot be
# built. 'make needs' names the missing ones.

PKG_CONFIG    ?= pkg-config
OUTPUT        ?= $(CURDIR)
.DEFAULT_GOAL := all

HYPERV_UIO    := $(abspath $(HYPERV_UIO))
ktap          := $(HYPERV_UIO)/selftests/kselftest/ktap.h

# The sources name headers of other folders relative to their own, which need
# not be true in a kernel tree: "../kselftest/ktap.h" is found through this.
CFLAGS        += -D_GNU_SOURCE= -I$(HYPERV_UIO)/selftests/$(notdir $(CURDIR))

ifeq ($(origin VMBUS_LIBS),undefined)
vmbus_build   := $(abspath $(OUTPUT)/..)/hyperv-uio-build
vmbus_a       := $(vmbus_build)/lib/libvmbus_bufring.a
VMBUS_CFLAGS  := -I$(HYPERV_UIO)/lib
VMBUS_LIBS     = $(vmbus_a) $(shell $(PKG_CONFIG) --libs uuid)
NEEDS         += uuid

# Another make: the variables of this one (O=, OUTPUT=) are not for the library.
# That make knows best whether the library is out of date, so it is always
# asked.
.PHONY: vmbus_library
vmbus_library:
$(vmbus_a): vmbus_library
	@env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u O -u V -u CFLAGS -u CPPFLAGS -u LDFLAGS \
		$(MAKE) -s --no-print-directory -C $(HYPERV_UIO) O=$(vmbus_build) CC="$(CC)" CROSS_COMPILE="$(CROSS_COMPILE)" $@
endif

# A script finds it in its own folder, whoever installed the collection.
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
