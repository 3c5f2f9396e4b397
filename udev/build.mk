# SPDX-License-Identifier: GPL-2.0-only
# vmbus-bind and its rules. The rules and the bind.d file of a daemon are in the
# directory of that daemon.

bindconfdir   ?= /usr/lib/hyperv-uio/bind.d

vmbus-bind    := $(O)/udev/vmbus-bind
# libbind.a decides about devices and binds them. vmbus-bind and vmbusctl are
# its command-line programs.
bind_a        := $(O)/udev/libbind.a
bind_objs     := $(patsubst %,$(O)/udev/%.o,config device run plan settings bind engine rule_file lint log kernel) \
		 $(patsubst %,$(O)/util/%.o,file memory text) $(util_objs)
bind_cflags   := $(lib_cflags) -Iutil -DVENDOR_CONFIG='"$(bindconfdir)"' \
		 -DADMIN_CONFIG='"$(sysconfdir)/hyperv-uio/bind.d"'
paths_bind     = $(bindconfdir) $(sysconfdir)

$(O)/udev/%.o: udev/%.c $(O)/paths/bind
	$(call compile,$(bind_cflags))

$(O)/util/%.o: util/%.c
	$(call compile,$(lib_cflags))

$(bind_a): $(bind_objs)
	$(call quiet,AR)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# vmbus-bind links the static library, because udev may run it at any time. A
# package manager may be replacing the shared library just then, or the shared
# library may be below /usr/local, where the dynamic linker may not look for it.
$(vmbus-bind): $(O)/udev/vmbus-bind.o $(bind_a) $(lib_a)
	$(call link,$^ $(shell $(PKG_CONFIG) --libs uuid))

udev_units    := vmbus-bind.path vmbus-bind.service vmbus-bind-boot.service
udev_files    := $(addprefix $(O)/udev/,60-hyperv-uio.rules $(udev_units))

$(udev_files): $(O)/udev/%: udev/%.in $(O)/paths/subst
	$(subst_file)

.PHONY: udev
udev: $(vmbus-bind) $(udev_files)
tools: udev

installs += install-udev
install-udev: udev
	$(Q)$(INSTALL) -D -m 0755 $(vmbus-bind) $(DESTDIR)$(udevdir)/vmbus-bind
	$(Q)$(INSTALL) -D -m 0644 $(O)/udev/60-hyperv-uio.rules $(DESTDIR)$(udevdir)/rules.d/60-hyperv-uio.rules
	$(Q)$(INSTALL) -d $(DESTDIR)$(bindconfdir) $(DESTDIR)$(sysconfdir)/hyperv-uio/bind.d \
		$(DESTDIR)$(unitdir)/sysinit.target.wants
	$(Q)$(INSTALL) -m 0644 $(addprefix $(O)/udev/,$(udev_units)) $(DESTDIR)$(unitdir)/
	$(Q)ln -sf ../vmbus-bind-boot.service $(DESTDIR)$(unitdir)/sysinit.target.wants/
	$(Q)$(INSTALL) -D -m 0644 man/hyperv-uio.conf.5 $(DESTDIR)$(mandir)/man5/hyperv-uio.conf.5
	$(Q)$(INSTALL) -D -m 0644 man/vmbus-bind.8 $(DESTDIR)$(mandir)/man8/vmbus-bind.8

-include $(wildcard $(O)/udev/*.d $(O)/util/*.d)
