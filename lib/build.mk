# SPDX-License-Identifier: GPL-2.0-only
# This file builds libvmbus_bufring. Other directories compile with
# $(lib_cflags) and link $(lib_libs) after $(lib_so), or $(lib_a) $(lib_needs).

comma       := ,
lib_name    := libvmbus_bufring
lib_soname  := $(lib_name).so.0
lib_real    := $(lib_name).so.$(VERSION)
lib_dir     := $(O)/lib
lib_so      := $(lib_dir)/$(lib_name).so
lib_a       := $(lib_dir)/$(lib_name).a
lib_internal_a := $(lib_dir)/$(lib_name)-internal.a
lib_compat  := vmbus_bufring_compat
compat_name := $(lib_name)-compat
compat_so   := $(lib_dir)/$(compat_name).so
compat_a    := $(lib_dir)/$(compat_name).a
lib_pc      := $(lib_dir)/$(lib_name).pc $(lib_dir)/$(compat_name).pc
lib_cflags  := -Ilib
# What programs share with the library, and it does not export
util_objs   := $(O)/util/vmbus.o
lib_libs    := -L$(lib_dir) -lvmbus_bufring
lib_objects := $(patsubst %,$(lib_dir)/%.o,buffer channel device error gpa guard ic ic_serve lock memory options \
		 receive retry ring room send signal spin stats subchannel uio vmbus wait)
compat_objects := $(lib_dir)/$(lib_compat).o $(lib_dir)/ring.o
lib_needs    = $(shell $(PKG_CONFIG) --libs uuid) -pthread

installs    += install-lib

lib: $(lib_so) $(lib_a) $(compat_so) $(compat_a) $(lib_pc) $(lib_dir)/man3/made

# The objects contain machine code even if CFLAGS request LTO, because objcopy
# cannot make a symbol local that only the intermediate code of the compiler
# has.
$(lib_dir)/%.o: lib/%.c lib/build.mk | lib-needs
	$(call compile,-fPIC -fno-lto)
$(lib_dir)/%.o: util/%.c lib/build.mk | lib-needs
	$(call compile,-fPIC -fno-lto $(lib_cflags))
$(util_objs): $(O)/%.o: %.c | lib-needs
	$(call compile)
$(lib_dir)/$(lib_compat).o: lib/$(lib_compat)/compat.c lib/build.mk
	$(call compile,-fPIC -fno-lto)

.PHONY: lib-needs
lib-needs:
	@$(PKG_CONFIG) --exists uuid || { echo 'libuuid (uuid-dev, libuuid-devel) is not installed' >&2; exit 1; }

# Make the symbol maps. A comment without "Since" ends the build.
$(lib_dir)/$(lib_name).map: lib/vmbus_bufring.h lib/map.awk
	$(call quiet,MAP)
	$(Q)mkdir -p $(@D)
	$(Q)awk -v node=VMBUS_BUFRING -f lib/map.awk $< >$@.new && mv $@.new $@
$(lib_dir)/$(compat_name).map: lib/$(lib_compat)/vmbus_bufring.h lib/map.awk
	$(call quiet,MAP)
	$(Q)mkdir -p $(@D)
	$(Q)awk -v node=VMBUS_BUFRING_COMPAT -f lib/map.awk $< >$@.new && mv $@.new $@

# nodelete: the handler of vmbus_guard() must stay after a dlclose(3).
# symbolic-functions: the library calls its own functions even if the program
# has one of that name.
$(lib_dir)/$(lib_real): $(lib_objects) $(lib_dir)/$(lib_name).map
	$(call link,-shared -Wl$(comma)-soname=$(lib_soname) -Wl$(comma)-z$(comma)defs \
		-Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now$(comma)-z$(comma)nodelete$(comma)-Bsymbolic-functions \
		-Wl$(comma)--version-script=$(lib_dir)/$(lib_name).map $(lib_objects) $(lib_needs))

$(lib_dir)/$(lib_soname): $(lib_dir)/$(lib_real)
	$(Q)ln -sf $(<F) $@

$(lib_so): $(lib_dir)/$(lib_soname)
	$(Q)ln -sf $(<F) $@

# The names of tools/hv are in a library of their own, because they do not
# belong to the interface of the first. It has a copy of the code of the rings.
$(compat_so).$(VERSION): $(compat_objects) $(lib_dir)/$(compat_name).map
	$(call link,-shared -Wl$(comma)-soname=$(compat_name).so.0 -Wl$(comma)-z$(comma)defs \
		-Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now$(comma)-Bsymbolic-functions \
		-Wl$(comma)--version-script=$(lib_dir)/$(compat_name).map $(compat_objects))

$(compat_so).0: $(compat_so).$(VERSION)
	$(Q)ln -sf $(<F) $@

$(compat_so): $(compat_so).0
	$(Q)ln -sf $(<F) $@

# An archive has one object, in which the library's own functions are local, so
# a program may have a fail() or a page_size() of its own.
$(lib_a): $(lib_objects) | $(lib_internal_a)
$(compat_a): $(compat_objects)
$(lib_a) $(compat_a): lib/build.mk
	$(call quiet,AR)
	$(Q)$(CC) -nostdlib -r -o $(@:.a=.o) $(filter %.o,$^)
	$(Q)$(OBJCOPY) --localize-hidden $(@:.a=.o)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(@:.a=.o)

# Tests of internal functions link this archive, in which nothing is local. It
# is not installed.
$(lib_internal_a): $(lib_objects) lib/build.mk
	$(call quiet,AR)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(lib_objects)

# This archive is for a program that the same compiler builds with -flto: the
# linker can inline the library into it. Each object has machine code and the
# intermediate code of the compiler. A symbol of the latter cannot be made
# local, so the library's own functions get names that no program has.
lib_lto_a   := $(lib_dir)/$(lib_name)-lto.a
lib_lto     := $(lib_dir)/lto
lib_lto_objects := $(lib_objects:$(lib_dir)/%=$(lib_lto)/%)
lto_cflags  := -flto -ffat-lto-objects

.PHONY: lib-lto
lib-lto: $(lib_lto_a) $(lib_lto_a:.a=.pc)

$(lib_lto)/names.h: $(lib_objects) lib/build.mk
	$(call quiet,NAMES)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS_COMPILE)nm --defined-only --extern-only -f posix $(lib_objects) | \
		sed -n -e '/^vmbus_/d' -e 's/^\([a-z_0-9]*\) [A-Z] .*/#define \1 vmbus_private_\1/p' >$@

$(lib_lto)/%.o: lib/%.c $(lib_lto)/names.h
	$(call compile,-fPIC $(lto_cflags) -include $(lib_lto)/names.h)
$(lib_lto)/%.o: util/%.c $(lib_lto)/names.h
	$(call compile,-fPIC $(lto_cflags) -include $(lib_lto)/names.h)

$(lib_lto_a): $(lib_lto_objects)
	$(call quiet,AR)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(lib_lto_objects)

$(lib_dir)/%.pc: lib/%.pc.in $(O)/paths/subst
	$(call subst_file)
$(lib_dir)/%.pc: lib/$(lib_compat)/%.pc.in $(O)/paths/subst
	$(call subst_file)

# Make a manual page for each function.
$(lib_dir)/man3/made: lib/man.awk lib/vmbus_bufring.h ChangeLog VERSION
	$(call quiet,MAN)
	$(Q)rm -rf $(@D) && mkdir -p $(@D)
	$(Q)expand lib/vmbus_bufring.h | awk -v folder=$(@D) -v version=$(VERSION) \
		-v date="$$(sed -n '1s/.*(\(.*\))/\1/p' ChangeLog)" -f lib/man.awk
	$(Q)touch $@

install-lib: lib
	$(Q)$(INSTALL) -d $(DESTDIR)$(libdir) $(DESTDIR)$(includedir)/$(lib_compat) $(DESTDIR)$(pkgconfigdir) \
		$(DESTDIR)$(mandir)/man3
	$(Q)$(INSTALL) -m 644 lib/vmbus_bufring.h lib/vmbus_ic_messages.h $(DESTDIR)$(includedir)/
	$(Q)$(INSTALL) -m 644 lib/$(lib_compat)/vmbus_bufring.h $(DESTDIR)$(includedir)/$(lib_compat)/
	$(Q)$(INSTALL) -m 644 $(lib_dir)/$(lib_real) $(lib_a) $(compat_so).$(VERSION) $(compat_a) \
		$(DESTDIR)$(libdir)/
	$(Q)for name in $(lib_name) $(compat_name); do \
		ln -sf $$name.so.$(VERSION) $(DESTDIR)$(libdir)/$$name.so.0 && \
			ln -sf $$name.so.0 $(DESTDIR)$(libdir)/$$name.so || exit; \
	done
	$(Q)$(INSTALL) -m 644 $(lib_pc) $(DESTDIR)$(pkgconfigdir)/
	$(Q)$(INSTALL) -m 644 man/$(lib_name).3 $(lib_dir)/man3/*.3 $(DESTDIR)$(mandir)/man3/

# Packages do not contain this archive, because its intermediate code is for one
# version of the compiler. install-lib installs the header.
install-lib-lto: lib-lto
	$(Q)$(INSTALL) -d $(DESTDIR)$(libdir) $(DESTDIR)$(pkgconfigdir)
	$(Q)$(INSTALL) -m 644 $(lib_lto_a) $(DESTDIR)$(libdir)/
	$(Q)$(INSTALL) -m 644 $(lib_lto_a:.a=.pc) $(DESTDIR)$(pkgconfigdir)/
.PHONY: install-lib-lto

-include $(lib_objects:.o=.d) $(lib_dir)/$(lib_compat).d $(lib_lto_objects:.o=.d) $(util_objs:.o=.d)

# Check the installed library: the header as C and C++, programs that link it in
# both ways, symbols, map, VERSION.
.PHONY: check-lib check-lib-root
check-lib-root: lib
	$(Q)rm -rf $(O)/lib-root
	$(Q)$(MAKE) -s --no-print-directory install-lib O=$(O) DESTDIR=$(abspath $(O))/lib-root prefix=/usr \
		exec_prefix=/usr libdir=/usr/lib includedir=/usr/include pkgconfigdir=/usr/lib/pkgconfig \
		mandir=/usr/share/man >/dev/null

check-lib: check-lib-root
	$(Q)CC="$(CC)" CXX="$(CROSS_COMPILE)g++" CROSS_COMPILE="$(CROSS_COMPILE)" \
		PKG_CONFIG="$(PKG_CONFIG)" lib/check $(abspath $(O))/lib-root

# Run the fuzz targets in parallel for FUZZ_SECONDS each: with libFuzzer if
# clang has it. make check-fuzz uses the driver of lib/fuzz, which makes the
# same inputs each time. Other .mk files add to these targets.
.PHONY: fuzz check-fuzz fuzz-lib
fuzz_all    := fuzz-lib
fuzz_check  := fuzz-lib
fuzz:
	$(Q)$(MAKE) -k -j $(words $(fuzz_all)) -Otarget --no-print-directory $(fuzz_all) FUZZ_SECONDS=$(or $(FUZZ_SECONDS),600)
check-fuzz:
	$(Q)$(MAKE) -k -j $(words $(fuzz_check)) -Otarget --no-print-directory $(fuzz_check) FUZZ_ENGINE=driver \
		FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60)
fuzz-lib:
	$(Q)CC="$(CC)" lib/fuzz/run $(abspath $(O))/fuzz $(or $(FUZZ_SECONDS),600) $(FUZZ_ENGINE)
