# SPDX-License-Identifier: GPL-2.0-only
# vmbus-bind, the rules, the configuration that packages bring.

bindconfdir   ?= /usr/lib/hyperv-uio/bind.d

vmbus-bind        := $(O)/udev/vmbus-bind
vmbus-bind-common := config log bind guard vmbusdev vmbus-bind
vmbus-bind-objs   := $(vmbus-bind-common:%=$(O)/udev/%.o) $(O)/udev/kernel.o
vmbus-bind-cflags := $(shell $(PKG_CONFIG) --cflags inih) \
		     -DVENDOR_CONFIG='"$(bindconfdir)"' -DADMIN_CONFIG='"$(sysconfdir)/hyperv-uio/bind.d"'
udev-rules        := 60-hyperv-uio.rules 61-hv-fcopyd.rules

$(O)/udev/%.o: udev/%.c
	$(call compile,$(vmbus-bind-cflags))

# Classes and GUIDs come from the library's archive: a helper of udev wants no shared library of ours.
$(vmbus-bind): $(vmbus-bind-objs) $(lib_a)
	$(call link,$(vmbus-bind-objs) $(lib_a) $(shell $(PKG_CONFIG) --libs uuid inih))

$(O)/udev/%.rules: udev/%.rules.in
	$(subst_file)

.PHONY: udev
udev: $(vmbus-bind) $(udev-rules:%=$(O)/udev/%)
tools: udev

# Rules and configuration of hv-fcopyd are a part of their own: without it nothing may name its unit.
installs += install-udev install-udev-fcopyd
install-udev: udev
	$(Q)$(INSTALL) -D -m 0755 $(vmbus-bind) $(DESTDIR)$(udevdir)/vmbus-bind
	$(Q)$(INSTALL) -D -m 0644 $(O)/udev/60-hyperv-uio.rules $(DESTDIR)$(udevdir)/rules.d/60-hyperv-uio.rules
	$(Q)$(INSTALL) -d $(DESTDIR)$(bindconfdir) $(DESTDIR)$(sysconfdir)/hyperv-uio/bind.d

install-udev-fcopyd: udev
	$(Q)$(INSTALL) -D -m 0644 $(O)/udev/61-hv-fcopyd.rules $(DESTDIR)$(udevdir)/rules.d/61-hv-fcopyd.rules
	$(Q)$(INSTALL) -D -m 0644 udev/10-fcopy.conf $(DESTDIR)$(bindconfdir)/10-fcopy.conf

-include $(wildcard $(O)/udev/*.d)
