# SPDX-License-Identifier: GPL-2.0-only
# vmbusctl, for people.

vmbusctl        := $(O)/tools/vmbusctl
vmbusctl-objs   := $(O)/tools/vmbusctl.o
vmbusctl-pkgs   := json-c uuid

$(O)/tools/%.o: tools/%.c
	$(call compile,$(lib_cflags) $(shell $(PKG_CONFIG) --cflags $(vmbusctl-pkgs)))

# As vmbus-bind, which is in the same package. That package then needs no package of the library.
$(vmbusctl): $(vmbusctl-objs) $(lib_a)
	$(call link,$(vmbusctl-objs) $(lib_a) $(shell $(PKG_CONFIG) --libs $(vmbusctl-pkgs)))

tools: $(vmbusctl)

installs += install-tools
install-tools: $(vmbusctl)
	$(Q)$(INSTALL) -D -m 0755 $(vmbusctl) $(DESTDIR)$(sbindir)/vmbusctl

-include $(wildcard $(O)/tools/*.d)
