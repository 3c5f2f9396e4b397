# SPDX-License-Identifier: GPL-2.0-only
# Build vmbusctl and its completion.

vmbusctl        := $(O)/tools/vmbusctl
vmbusctl-names  := command complete describe doctor \
		   doctor_module identify json list main \
		   ring_size show table watch bind
vmbusctl-objs   := $(vmbusctl-names:%=$(O)/tools/%.o)
vmbusctl-pkgs   := json-c uuid

bashcompletiondir ?= $(datarootdir)/bash-completion/completions
zshcompletiondir  ?= $(datarootdir)/zsh/site-functions

# libbind.a, the engine of vmbus-bind, also makes the decisions for vmbusctl.
paths_vmbusctl = $(paths_bind) $(udevdir)
$(O)/tools/%.o: tools/%.c $(O)/paths/vmbusctl
	$(call compile,$(bind_cflags) -Iudev -DVMBUS_BIND='"$(udevdir)/vmbus-bind"' \
		$(shell $(PKG_CONFIG) --cflags $(vmbusctl-pkgs)))

# vmbusctl links the static library, as vmbus-bind does, so their package does
# not depend on a package of the library.
$(vmbusctl): $(vmbusctl-objs) $(O)/udev/libbind.a $(lib_a)
	$(call link,$(vmbusctl-objs) $(O)/udev/libbind.a $(lib_a) \
		$(shell $(PKG_CONFIG) --libs $(vmbusctl-pkgs)))

tools: $(vmbusctl)

installs += install-tools
install-tools: $(vmbusctl) install-completion
	$(Q)$(INSTALL) -D -m 0755 $(vmbusctl) $(DESTDIR)$(sbindir)/vmbusctl
	$(Q)$(INSTALL) -D -m 0644 man/vmbusctl.8 $(DESTDIR)$(mandir)/man8/vmbusctl.8

# The selftests use this target, too.
.PHONY: install-completion
install-completion:
	$(Q)$(INSTALL) -D -m 0644 tools/completion/vmbusctl.bash $(DESTDIR)$(bashcompletiondir)/vmbusctl
	$(Q)for program in vmbus-bind hv-fcopyd; do ln -sf vmbusctl $(DESTDIR)$(bashcompletiondir)/$$program || exit; done
	$(Q)$(INSTALL) -D -m 0644 tools/completion/_vmbusctl $(DESTDIR)$(zshcompletiondir)/_vmbusctl

-include $(wildcard $(O)/tools/*.d)
