# SPDX-License-Identifier: GPL-2.0-only
# These targets build the packages, and check what all packages share: the
# version, and the targets that build and install.

deb_dir := $(O)/deb
rpm_dir := $(O)/rpm
release := hyperv-uio-$(VERSION)

# The builds of packages set all variables themselves, so this make does not
# pass on its own (O=, CFLAGS=).
clean_env := env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u O -u V -u DESTDIR -u prefix

# $(call need,TOOL,PACKAGE,TARGET): end if the tool is not installed.
need = command -v $(1) >/dev/null || \
	{ echo "$(1) is not installed: install $(2), or run 'make $(3)' on Debian" >&2; exit 1; }
need_deb = $(call need,dpkg-buildpackage,dpkg-dev,deps)
need_rpm = $(call need,rpmbuild,rpm or rpm-build,deps-check)

.PHONY: check-version deb rpm check-rpm
check-version:
	$(Q)packaging/check-version

# $(call export,DIR,OPTION) copies the source tree to DIR, without built files.
define export
	$(Q)rm -rf $(1)
	$(Q)HYPERV_UIO_OUTPUT='$(abspath $(O))' packaging/export $(2) $(1)
endef

# The day of the release, in seconds. With this time, packages and tarballs of
# the same sources are identical.
release_time = $(shell date -u -d "$$(sed -n '1s/.*(\(.*\))/\1/p' ChangeLog)" +%s)

# $(call tarball,FILE,DIR) packs DIR/$(release) into FILE, without the metadata
# that differs between checkouts.
define tarball
	$(Q)LC_ALL=C tar -I 'gzip -9n' -cf $(1) --format=ustar --sort=name --owner=0 --group=0 --numeric-owner \
		--mode=u=rwX,go=rX --mtime=@$(release_time) -C $(2) $(release)
endef

dist:
	$(call export,$(O)/$(release),--warn)
	$(call tarball,$(O)/$(release).tar.gz,$(O))
	$(Q)rm -rf $(O)/$(release)
	@echo $(O)/$(release).tar.gz

# The DEBs have the tests with SELFTESTS=1.
comma := ,
deb_profiles = $(subst $() ,$(comma),$(strip $(if $(DEB_HOST_ARCH),cross) $(if $(SELFTESTS),,pkg.hyperv-uio.noselftests)))
deb_quiet    = DH_QUIET=1 DEB_BUILD_OPTIONS="terse $(DEB_BUILD_OPTIONS)"

deb:
	$(Q)packaging/check-version | { ! grep '^not ok' >&2; }
	@$(need_deb)
	$(Q)rm -rf $(deb_dir)
	$(call export,$(deb_dir)/$(release))
	$(Q)cp -R packaging/debian $(deb_dir)/$(release)/debian
	$(Q)cd $(deb_dir)/$(release) && $(clean_env) $(if $(filter 0,$(V)),$(deb_quiet)) \
		dpkg-buildpackage -b -us -uc $(if $(deb_profiles),-P$(deb_profiles)) $(if $(DEB_HOST_ARCH),-a$(DEB_HOST_ARCH))
	$(Q)rm -rf $(deb_dir)/$(release)
	@ls $(deb_dir)/*.deb

# DEBs of the module for the kernels that KVER names, or for the kernel of KDIR.
# MODSIGN_KEY and MODSIGN_CERT sign the modules.
.PHONY: deb-modules
deb-modules: export SOURCE_DATE_EPOCH = $(release_time)
deb-modules: export CROSS_COMPILE := $(CROSS_COMPILE)
deb-modules: export MODSIGN_KEY := $(MODSIGN_KEY)
deb-modules: export MODSIGN_CERT := $(MODSIGN_CERT)
deb-modules:
	@$(need_deb)
	$(Q)for kdir in $(or $(KVER:%=/lib/modules/%/build),$(KDIR)); do \
		$(MAKE) --no-print-directory modules KDIR="$$kdir" && packaging/deb-modules "$$kdir" $(deb_dir)-modules || exit; \
	done
	@ls $(deb_dir)-modules/*.deb

# Debian's rpm lacks systemd's macros, and does not know which packages are
# installed: its database would be empty, so it gets one in O. Without
# selinux-policy-dev there is no SELinux subpackage. With any other rpm,
# rpmbuild looks for the packages of BuildRequires in that rpm's own database.
rpm_selinux = $(if $(wildcard /usr/share/selinux/devel/Makefile),,--without selinux)
rpm_foreign = $(if $(filter debian,$(shell rpm --eval '%{_vendor}' 2>/dev/null)),--load=$(abspath packaging/rpm/macros.debian-build) --nodeps --define '_dbpath $(abspath $(rpm_dir))/db' $(rpm_selinux))
rpm_release ?= 1
# These settings make two builds of the same sources identical.
rpm_same = --define '_buildhost localhost' --define 'source_date_epoch_from_changelog 1' \
	   --define 'use_source_date_epoch_as_buildtime 1' --define 'clamp_mtime_to_source_date_epoch 1'

rpm:
	$(Q)packaging/check-version | { ! grep '^not ok' >&2; }
	@$(need_rpm)
	$(Q)rm -rf $(rpm_dir)
	$(call export,$(rpm_dir)/$(release))
	$(Q)mkdir -p $(rpm_dir)/SOURCES
	$(call tarball,$(rpm_dir)/SOURCES/$(release).tar.gz,$(rpm_dir))
	$(Q)$(clean_env) rpmbuild -bb $(rpm_foreign) --define '_topdir $(abspath $(rpm_dir))' \
		$(rpm_same) $(RPMBUILDFLAGS) packaging/rpm/hyperv-uio.spec
	$(Q)mv $(rpm_dir)/RPMS/*/*.rpm $(rpm_dir)/
	$(Q)rm -rf $(addprefix $(rpm_dir)/,BUILD BUILDROOT RPMS SOURCES SPECS SRPMS db $(release))
	@ls $(rpm_dir)/*.rpm

# These targets make repositories of the packages in O/deb and O/rpm, and build
# the packages if they are missing. They add the DEBs in O/deb-modules. Before
# they build anything, they check that every tool is installed.
repo_dir  := $(O)/repo
have_debs  = ls $(deb_dir)/*.deb >/dev/null 2>&1
have_rpms  = ls $(rpm_dir)/*.rpm >/dev/null 2>&1
repo_args  = $(repo_dir) $(deb_dir) $(if $(filter repo,$@),$(rpm_dir),-) $(if $(REPO_KEY),'$(REPO_KEY)')
.PHONY: repo repo-apt
repo repo-apt:
	$(Q)packaging/repo --check $(repo_args)
	$(Q)$(have_debs) || { $(need_deb); }
	$(Q)$(if $(filter repo,$@),$(have_rpms) || { $(need_rpm); })
	$(Q)$(have_debs) || $(MAKE) --no-print-directory deb
	$(Q)$(if $(filter repo,$@),$(have_rpms) || $(MAKE) --no-print-directory rpm)
	$(Q)packaging/repo $(repo_args)

# This target installs, upgrades and removes the RPMs with dnf in an empty root.
# Status 4 means that the test was skipped; it has printed the reason.
check-rpm: rpm
	$(Q)packaging/rpm/test-install $(rpm_dir) || [ $$? = 4 ]
