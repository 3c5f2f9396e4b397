# SPDX-License-Identifier: GPL-2.0-only
# hyperv-uio: 'make help' lists the targets and variables.

VERSION := $(shell cat VERSION)

# O is the build directory, as in the kernel: absolute, or relative to here.
O ?= build
V ?= 0

# The directories for make install. Packages set every one of them.
DESTDIR       ?=
prefix        ?= /usr/local
exec_prefix   ?= $(prefix)
bindir        ?= $(exec_prefix)/bin
sbindir       ?= $(exec_prefix)/sbin
libdir        ?= $(exec_prefix)/lib
libexecdir    ?= $(exec_prefix)/libexec
includedir    ?= $(prefix)/include
datarootdir   ?= $(prefix)/share
mandir        ?= $(datarootdir)/man
docdir        ?= $(datarootdir)/doc/hyperv-uio
sysconfdir    ?= /etc
pkgconfigdir  ?= $(libdir)/pkgconfig
udevdir       ?= /usr/lib/udev
unitdir       ?= /usr/lib/systemd/system
dkmsdir       ?= /usr/src/uio_hv_generic-$(VERSION)
selftestsdir  ?= $(libexecdir)/hyperv-uio/selftests

# The tools and flags of the build
CROSS_COMPILE ?=
ifeq ($(origin CC),default)
CC            := $(CROSS_COMPILE)gcc
endif
ifeq ($(origin AR),default)
AR            := $(CROSS_COMPILE)ar
endif
OBJCOPY       ?= $(CROSS_COMPILE)objcopy
PKG_CONFIG    ?= pkg-config
INSTALL       ?= install
KDIR          ?= /lib/modules/$(shell uname -r)/build

CFLAGS        ?= -O2 -g
HARDENING     ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2
WARNINGS      := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
		 -Wwrite-strings -Wvla -Wformat=2 -Wno-unused-parameter
# WERROR=1 turns warnings into errors, as every check does.
ifneq ($(WERROR),)
WARNINGS      += -Werror
endif
base_cflags   := -std=gnu11 -pthread -D_GNU_SOURCE -fvisibility=hidden $(WARNINGS) -DHYPERV_UIO_VERSION='"$(VERSION)"'

ifeq ($(V),0)
Q             := @
quiet          = @printf '  %-8s %s\n' '$(1)' '$(patsubst $(O)/%,%,$@)'
else
Q             :=
quiet          =
endif

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS     += --no-builtin-rules

.PHONY: all lib daemons tools modules install help deps deps-check format demo check check-quick check-all check-debug check-modules dist clean distclean
all: lib daemons tools

# The .mk files add to these and to the install-* targets.
cleanfiles    :=
installs      :=

# The names that an object may have in another call of make, in which O is
# relative or absolute
object_names   = $(sort $(abspath $@) $(patsubst $(CURDIR)/%,%,$(abspath $@)))

# $(call compile,FLAGS): compile %.c to $(O)/%.o, and record the headers that it
# includes.
define compile
	$(call quiet,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(base_cflags) $(HARDENING) $(CFLAGS) $(CPPFLAGS) $(1) -MMD -MP $(object_names:%=-MT %) \
		-c -o $@ $<
endef

# $(call link,OBJECTS AND LIBRARIES)
define link
	$(call quiet,LINK)
	@mkdir -p $(@D)
	$(Q)$(CC) $(base_cflags) $(HARDENING) $(CFLAGS) $(LDFLAGS) -o $@ $(1)
endef

# Files that contain paths are made again when a path differs from the last call
# of make, for instance by 'make' and then 'make install prefix=/usr'.
# $(O)/paths/NAME has the values of $(paths_NAME), and changes only when they
# do.
path_files    := $(addprefix $(O)/paths/,subst fcopyd bind vmbusctl)
$(path_files): $(O)/paths/%: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(paths_$*)' | cmp -s - $@ || printf '%s\n' '$(paths_$*)' >$@
.PHONY: FORCE

paths_subst    = $(VERSION) $(prefix) $(bindir) $(sbindir) $(libdir) $(includedir) $(udevdir) $(sysconfdir) $(mandir) \
		 $(bindconfdir) $(loaderdir) $(unitdir)

# $(call subst_file): fill the paths of this build into a .in file. The target
# needs $(O)/paths/subst.
define subst_file
	$(call quiet,SUBST)
	@mkdir -p $(@D)
	$(Q)sed -e 's|@VERSION@|$(VERSION)|g' -e 's|@prefix@|$(prefix)|g' -e 's|@bindir@|$(bindir)|g' \
		-e 's|@sbindir@|$(sbindir)|g' -e 's|@libdir@|$(libdir)|g' -e 's|@includedir@|$(includedir)|g' \
		-e 's|@udevdir@|$(udevdir)|g' -e 's|@sysconfdir@|$(sysconfdir)|g' -e 's|@mandir@|$(mandir)|g' \
		-e 's|@bindconfdir@|$(bindconfdir)|g' \
		-e 's|@loaderdir@|$(loaderdir)|g' -e 's|@unitdir@|$(unitdir)|g' $< > $@
endef

include lib/build.mk
include daemons/build.mk
include tools/build.mk
include udev/build.mk
include kernel/build.mk
include selftests/build.mk
include selftests/bench/build.mk
include packaging/build.mk
# The packages are built without the bench.
-include selftests/vm/host/build.mk

install: $(installs)
.PHONY: $(installs)

# Install what building needs, or what the bench and the checks need in
# addition; see selftests/.
deps:
	$(Q)selftests/deps build
deps-check:
	$(Q)selftests/deps check
# Format every C file as .clang-format describes.
format:
	$(Q)selftests/check-format fix
demo check check-quick check-all check-debug check-modules: export O := $(abspath $(O))
demo:
	$(Q)selftests/demo
check:
	$(Q)selftests/check
check-quick:
	$(Q)selftests/check quick
check-all:
	$(Q)selftests/check all
check-debug:
	$(Q)selftests/vm/run -k debug -k debug-5.10
# With KDIR=DIR, build the module for the kernel in DIR.
own_kernel := $(if $(filter-out file,$(origin KDIR)),KDIR=$(KDIR))
check-modules: $(if $(own_kernel),,deps-check)
	$(Q)selftests/vm/check-modules $(if $(own_kernel),'$(own_kernel)',all)

clean:
	$(Q)rm -rf $(O) $(cleanfiles)
	$(Q)$(MAKE) -s -C kernel clean

distclean: clean

define help_text
hyperv-uio $(VERSION)

Build
  make all                 library, daemon and tools, into O; or one part: lib, daemons, tools, udev
  make modules KDIR=DIR    the module for a tree of kernel headers: kernel/uio_hv_generic.ko
  make selftests           the kselftest collections
  make lib-lto             an archive of the library that a program compiled with -flto can inline
  make deps                install the Debian packages that make all and make deb need
  make format              every C file in the format of .clang-format
  make dist                a tarball of the sources, into O
  make clean, distclean    remove O and the output of the module build

Install
  make install             everything; or one part:
                           $(wordlist 1,4,$(sort $(installs)))
                           $(wordlist 5,99,$(sort $(installs)))
  make install-modules KDIR=DIR   the module that make modules has built, into /lib/modules; then depmod
  make install-completion  a part of install-tools: the completions of vmbusctl for bash and zsh
  make install-lib-lto     after install-lib, that archive and its libvmbus_bufring-lto.pc

Packages
  make deb, make rpm       packages, into O/deb and O/rpm; DEBs of the tests only with SELFTESTS=1
  make deb-modules KVER="RELEASE ..."   the module for these kernels, or for that of KDIR, as DEBs into
                           O/deb-modules; MODSIGN_KEY=FILE MODSIGN_CERT=FILE sign it
  make repo                the packages, as repositories for apt and dnf, O/repo/apt and O/repo/dnf
  make repo-apt            the DEBs, as a repository for apt, O/repo/apt; this needs no tool for RPMs
  make repo REPO_KEY=KEY   the same, signed with this key of gpg; also with repo-apt

Demonstration and tests, as root; they install packages as make deps-check does
  make demo                a host copies two files into a Debian 12 guest (6 minutes the first time)
  make check               the tests (half an hour to an hour, more the first time); CI runs this
  make check-quick         unit tests, sanitizers, valgrind, arm64, shellcheck: seven minutes
  make check-all           these, the tests that take long, every kernel of check-modules, five
                           minutes of each fuzz target, and the guests on the debug kernels: hours
  make check-debug         the guests on kernels with KASAN, lockdep and kmemleak, which it builds first
  make check-modules       the module for each flavour of Debian's amd64 and arm64 kernels: half an hour
  make check-modules KDIR=DIR   the module for one kernel, a built tree, headers or unpacked packages,
                           and which tests of the bench can run on it
  make deps-check          install the Debian packages that all of these and make rpm need
  selftests/vm/run         guests by name; -h explains the arguments

Parts of make check, each by itself
  make check-unit          the collections that need no VMBus; TARGETS="bind fcopy" chooses some
  make check-lib           the library as installed: headers, linking, symbols, manual pages, ABI
  make check-bench         the program of make bench-ring, without its peers and without timing
  make check-sanitize      the library and its tests under ASan, UBSan, TSan and valgrind, and for arm64
  make check-fuzz          the fuzz targets for a minute each, with the same inputs each time
  make check-selftests     the selftests as a product
  make check-version       every file that repeats the version has that of VERSION
  make check-rpm           build the RPMs, and check what they contain
  make check-dpdk-header   DPDK's header and ours in one program

Longer tests
  make fuzz FUZZ_SECONDS=600   every fuzz target for that time; or some: fuzz-lib, or the daemon's:
                           fuzz-fcopy, or its parts fuzz-fcopy-corpus and fuzz-fcopy-hostile
  make soak                100 million packets between two threads, and between two processes

Benchmarks
  make bench               all benchmarks, as root; or one:
  make bench-ring          the library beside DPDK and tools/hv; LTO=1 adds link-time optimization
  make bench-fcopy         hv-fcopyd beside the kernel tree's daemon, in a guest

Variables
  O=DIR                    where to build (build)
  V=1                      show the commands
  WERROR=1                 warnings are errors
  CROSS_COMPILE=PREFIX     another architecture: aarch64-linux-gnu- (with its libraries, and PKG_CONFIG
                           for them)
  DESTDIR=DIR prefix=DIR   where to install, as usual; see the head of the Makefile for the rest
  HYPERV_UIO_CACHE=DIR     roots, kernels and downloads of the bench (~/.cache/hyperv-uio)
  HYPERV_UIO_GUESTS=N      how many guests of the bench run at a time (twice the number of processors)
  HYPERV_UIO_MIRROR=URL    the Debian mirror that the bench uses
endef
help: export help_text := $(help_text)
help:
	@printf '%s\n' "$$help_text"
