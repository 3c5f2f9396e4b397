# SPDX-License-Identifier: GPL-2.0-only
# The kernel module. DKMS uses only kernel/Makefile to build it.

installs += install-dkms install-modprobe

.PHONY: modules install-modules
modules:
	$(Q)$(MAKE) $(if $(filter 0,$(V)),-s) -C kernel modules KDIR='$(call from_here,$(KDIR))' V='$(V)' \
		$(if $(STOCK),STOCK='$(call from_here,$(STOCK))')

# A relative path starts here and not in kernel/. abspath would split a path
# with blanks; kernel/Makefile rejects such a path.
from_here = $(if $(filter /%,$(1)),$(1),$(CURDIR)/$(1))

# "make install" does not include this target, because it installs the module
# for the kernel of KDIR only. DKMS does so for every kernel.
install-modules: modules
	$(Q)$(INSTALL) -d '$(DESTDIR)/lib/modules/$(kernel_release)/updates'
	$(Q)$(INSTALL) -m 644 kernel/uio_hv_generic.ko '$(DESTDIR)/lib/modules/$(kernel_release)/updates/'

kernel_release = $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"$$/\1/p' '$(KDIR)/include/generated/utsrelease.h')

dkms_sources := $(sort $(wildcard kernel/*.c kernel/*.h kernel/compat/*.c kernel/compat/*.h \
		kernel/compat/probe/*.c))
dkms_sources := $(filter-out %.mod.c %/facts.h,$(dkms_sources))

# With this configuration modprobe runs a script that falls back to the kernel's
# own module.
modprobedir   ?= /usr/lib/modprobe.d
loaderdir     ?= /usr/lib/hyperv-uio
modprobe_conf := $(O)/kernel/modprobe/hyperv-uio.conf
$(modprobe_conf): $(O)/%: %.in $(O)/paths/subst
	$(subst_file)

install-modprobe: $(modprobe_conf)
	$(Q)$(INSTALL) -D -m 644 $(modprobe_conf) '$(DESTDIR)$(modprobedir)/hyperv-uio.conf'
	$(Q)$(INSTALL) -D -m 755 kernel/modprobe/load-module '$(DESTDIR)$(loaderdir)/load-module'

install-dkms:
	$(Q)$(INSTALL) -d '$(DESTDIR)$(dkmsdir)/kernel/compat/probe'
	$(Q)$(INSTALL) -m 644 dkms.conf VERSION '$(DESTDIR)$(dkmsdir)/'
	$(Q)$(INSTALL) -m 644 kernel/Kbuild kernel/Makefile '$(DESTDIR)$(dkmsdir)/kernel/'
	$(Q)$(INSTALL) -m 755 kernel/compat/probe.sh '$(DESTDIR)$(dkmsdir)/kernel/compat/'
	$(Q)$(foreach f,$(dkms_sources),$(INSTALL) -m 644 $(f) '$(DESTDIR)$(dkmsdir)/$(f)' &&) true
