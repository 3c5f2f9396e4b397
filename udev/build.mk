# SPDX-License-Identifier: GPL-2.0-only
# vmbus-bind and its rules; a daemon's own rules and bind.d file lie with the daemon.

bindconfdir   ?= /usr/lib/hyperv-uio/bind.d

vmbus-bind        := $(O)/udev/vmbus-bind
vmbus-bind-common := config log bind guard vmbus-bind
vmbus-bind-objs   := $(vmbus-bind-common:%=$(O)/udev/%.o) $(O)/udev/kernel.o
vmbus-bind-cflags := $(lib_cflags) $(shell $(PKG_CONFIG) --cflags inih) \
		     -DVENDOR_CONFIG='"$(bindconfdir)"' -DADMIN_CONFIG='"$(sysconfdir)/hyperv-uio/bind.d"'

$(O)/udev/%.o: udev/%.c
	$(call compile,$(vmbus-bind-cflags))

# The archive of the library, because udev runs the helper at any time: while a package manager replaces the
# shared library, and after an installation below /usr/local, where the dynamic linker may not look for it.
$(vmbus-bind): $(vmbus-bind-objs) $(lib_a)
	$(call link,$(vmbus-bind-objs) $(lib_a) $(shell $(PKG_CONFIG) --libs uuid inih))

$(O)/udev/%.rules: udev/%.rules.in
	$(subst_file)

.PHONY: udev
udev: $(vmbus-bind) $(O)/udev/60-hyperv-uio.rules
tools: udev

installs += install-udev
install-udev: udev
	$(Q)$(INSTALL) -D -m 0755 $(vmbus-bind) $(DESTDIR)$(udevdir)/vmbus-bind
	$(Q)$(INSTALL) -D -m 0644 $(O)/udev/60-hyperv-uio.rules $(DESTDIR)$(udevdir)/rules.d/60-hyperv-uio.rules
	$(Q)$(INSTALL) -d $(DESTDIR)$(bindconfdir) $(DESTDIR)$(sysconfdir)/hyperv-uio/bind.d

-include $(wildcard $(O)/udev/*.d)
