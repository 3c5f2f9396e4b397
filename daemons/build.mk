# SPDX-License-Identifier: GPL-2.0-only
# This file builds the daemons. Each has a directory with its unit, its udev
# rule and its bind.d file.

# HAVE_SYSTEMD=0 builds without libsystemd. The daemon then does not notify the
# service manager when it is ready.
HAVE_SYSTEMD ?= 1

fcopyd_objs := $(patsubst %.c,$(O)/%.o,$(wildcard daemons/fcopy/*.c)) $(O)/util/text.o $(util_objs)
fcopyd_cflags = $(lib_cflags) -DHAVE_SYSTEMD=$(HAVE_SYSTEMD) $(systemd_cflags) \
		-DCONFIG_FILE='"$(sysconfdir)/hyperv-uio/fcopyd.conf"'
paths_fcopyd  = $(sysconfdir)

ifeq ($(HAVE_SYSTEMD),1)
systemd_cflags = $(shell $(PKG_CONFIG) --cflags libsystemd)
systemd_libs   = $(shell $(PKG_CONFIG) --libs libsystemd)
endif

fcopyd_security := $(addprefix $(O)/daemons/fcopy/security/,apparmor hv_fcopyd.te hv_fcopyd.fc)

.PHONY: check-systemd
daemons: $(O)/daemons/hv-fcopyd $(O)/daemons/fcopy/hv-fcopyd.service $(O)/daemons/fcopy/other-daemons.conf \
	$(O)/daemons/fcopy/61-hv-fcopyd.rules $(fcopyd_security)

# The units of the distributions' own daemons. The packages' scripts have this
# list, too.
other_fcopyd := hv-fcopy-daemon hv_fcopy_daemon hypervfcopyd hv-fcopy-uio-daemon hv_fcopy_uio_daemon

check-systemd:
ifeq ($(HAVE_SYSTEMD),1)
	@$(PKG_CONFIG) --exists libsystemd || { echo 'libsystemd (libsystemd-dev, systemd-devel) is not installed; HAVE_SYSTEMD=0 builds without' >&2; exit 1; }
endif

$(O)/daemons/fcopy/%.o: daemons/fcopy/%.c $(O)/paths/fcopyd | check-systemd
	$(call compile,$(fcopyd_cflags))

$(O)/daemons/hv-fcopyd: $(fcopyd_objs) $(lib_so)
	$(call link,$(fcopyd_objs) $(lib_libs) $(lib_needs) $(systemd_libs))

$(O)/daemons/fcopy/%: daemons/fcopy/%.in $(O)/paths/subst
	$(subst_file)

installs += install-daemons
install-daemons: daemons
	$(Q)$(INSTALL) -d $(DESTDIR)$(sbindir) $(DESTDIR)$(unitdir) $(DESTDIR)$(mandir)/man8
	$(Q)$(INSTALL) -m 755 $(O)/daemons/hv-fcopyd $(DESTDIR)$(sbindir)/hv-fcopyd
	$(Q)$(INSTALL) -m 644 $(O)/daemons/fcopy/hv-fcopyd.service $(DESTDIR)$(unitdir)/hv-fcopyd.service
	$(Q)for unit in $(other_fcopyd); do \
		$(INSTALL) -D -m 644 $(O)/daemons/fcopy/other-daemons.conf \
			$(DESTDIR)$(unitdir)/$$unit.service.d/hyperv-uio.conf || exit; \
	done
	$(Q)$(INSTALL) -D -m 644 $(O)/daemons/fcopy/61-hv-fcopyd.rules $(DESTDIR)$(udevdir)/rules.d/61-hv-fcopyd.rules
	$(Q)$(INSTALL) -D -m 644 daemons/fcopy/10-fcopy.conf $(DESTDIR)$(bindconfdir)/10-fcopy.conf
	$(Q)$(INSTALL) -m 644 man/hv-fcopyd.8 $(DESTDIR)$(mandir)/man8/hv-fcopyd.8
	$(Q)$(INSTALL) -D -m 644 man/fcopyd.conf.5 $(DESTDIR)$(mandir)/man5/fcopyd.conf.5
	$(Q)$(INSTALL) -D -m 644 daemons/fcopy/fcopyd.conf $(DESTDIR)$(sysconfdir)/hyperv-uio/fcopyd.conf
	$(Q)$(INSTALL) -d $(DESTDIR)$(sysconfdir)/hyperv-uio/fcopyd.conf.d
	$(Q)$(INSTALL) -D -m 644 $(O)/daemons/fcopy/security/apparmor $(DESTDIR)$(sysconfdir)/apparmor.d/hv-fcopyd
	$(Q)$(INSTALL) -d $(DESTDIR)$(datarootdir)/hyperv-uio/selinux
	$(Q)$(INSTALL) -m 644 $(filter %.te %.fc,$(fcopyd_security)) \
		$(DESTDIR)$(datarootdir)/hyperv-uio/selinux/

-include $(fcopyd_objs:.o=.d)
