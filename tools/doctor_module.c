// SPDX-License-Identifier: GPL-2.0-only
/*
 * doctor: check the kernel's uio and uio_hv_generic, and what dkms needs to
 * build ours.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "doctor.h"
#include "file.h"

#define MODULE		  "uio_hv_generic"
#define ALLOW_UNSUPPORTED "allow_unsupported_modules"

/* The vendor GUID in the name is the global one of UEFI. */
#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

enum family { DEBIAN, UBUNTU, FEDORA, SUSE };

static enum family family_of_machine(void)
{
	static const struct {
		const char *word;
		enum family family;
	} words[] = {
		/* Ubuntu and its relatives have ID_LIKE=debian, too. */
		{ "ubuntu", UBUNTU }, { "debian", DEBIAN },	{ "fedora", FEDORA },
		{ "rhel", FEDORA },   { "azurelinux", FEDORA }, { "mariner", FEDORA },
		{ "suse", SUSE },
	};
	char *text = file_read(NULL, "/etc/os-release");
	enum family family = DEBIAN;

	for (size_t i = sizeof(words) / sizeof(words[0]); text && i-- > 0;)
		if (strstr(text, words[i].word))
			family = words[i].family;
	free(text);
	return family;
}

/*
 * Return the kind of a kernel: "cloud-amd64" for 6.1.0-37-cloud-amd64, "azure"
 * for 6.8.0-1021-azure.
 */
static const char *flavour_of(const char *release)
{
	const char *flavour = strchr(release, '-');

	/* A part that begins with a digit counts builds. */
	while (flavour && isdigit((unsigned char)flavour[1]))
		flavour = strchr(flavour + 1, '-');
	return flavour ? flavour + 1 : "";
}

/* Return a new string: the command that installs a package of ours. */
static char *install_package(const char *package)
{
	switch (family_of_machine()) {
	case FEDORA:
		return need_printf("dnf install %s", package);
	case SUSE:
		return need_printf("zypper install %s", package);
	default:
		return need_printf("apt install %s", package);
	}
}

/*
 * Return a new string: the command that installs the headers of a kernel. If
 * the distribution has a package that also brings the headers of later kernels
 * of that kind, the command installs it, too.
 */
static char *install_headers(const char *release)
{
	const char *flavour = flavour_of(release), *variant = strchr(release, '+');
	/* dkms has a hook for a DEB of headers, but none for an RPM. */
	static const char build[] = "dkms autoinstall -k";

	switch (family_of_machine()) {
	case FEDORA:
		/* 5.14.0-503.el9.x86_64+rt has kernel-rt-devel. */
		if (variant)
			return need_printf("dnf install kernel-%s-devel-%.*s && %s %s", variant + 1,
					   (int)(variant - release), release, build, release);
		/* Oracle's and RHEL 8's real-time kernels have no '+'. */
		return need_printf("dnf install kernel-%sdevel-%s && %s %s",
				   strstr(release, "uek.") ? "uek-" :
				   strstr(release, ".rt")  ? "rt-" :
							     "",
				   release, build, release);
	case SUSE:
		/*
		 * The kernel's release is the version of its package and the
		 * flavour. The newest headers may be installed already.
		 */
		return need_printf("zypper install kernel-%s-devel=%.*s && %s %s", flavour,
				   (int)(strlen(release) - strlen(flavour)) - 1, release, build,
				   release);
	default:
		return need_printf("apt install linux-headers-%s%s%s", release,
				   *flavour ? " linux-headers-" : "", flavour);
	}
}

/*
 * Return a new string: the command that installs the package of a kernel that
 * has the module uio.
 */
static char *install_uio(const char *release)
{
	switch (family_of_machine()) {
	case UBUNTU:
		return need_printf("apt install linux-modules-extra-%s", release);
	case FEDORA:
		return need_printf("dnf install kernel-modules-%s", release);
	case SUSE:
		/* kernel-default-base lacks the module. */
		return need_strdup("zypper install kernel-default");
	default:
		return need_printf("apt install --reinstall linux-image-%s", release);
	}
}

/*
 * Find a module in a list of depmod, modules.dep or modules.builtin. Return its
 * path as a new string, or NULL.
 */
static char *find_module(const char *release, const char *list, const char *name)
{
	char *text = file_read(NULL, "/lib/modules/%s/%s", release, list), *rest = text, *line;
	char *file = need_printf("/%s.ko", name), *path = NULL;

	while (text && !path && (line = strsep(&rest, "\n"))) {
		/* The modules that it needs follow the colon. */
		line[strcspn(line, ":")] = '\0';
		if (strstr(line, file))
			path = need_printf("/lib/modules/%s/%s", release, line);
	}
	free(file);
	free(text);
	return path;
}

static bool has_module(const char *release, const char *list, const char *name)
{
	char *path = find_module(release, list, name);
	const bool has = path;

	free(path);
	return has;
}

/* Return whether a module is one of the kernel's own package. */
static bool is_kernels(const char *path)
{
	return strstr(path, "/kernel/drivers/");
}

/*
 * Return the version of our module's source for dkms as a new string, or NULL
 * if it is not installed.
 */
static char *dkms_version(void)
{
	struct strings names = file_names("/usr/src");
	char *version = NULL;

	for (size_t i = 0; !version && i < names.count; i++)
		if (!strncmp(names.items[i], MODULE "-", strlen(MODULE "-")) &&
		    file_exists("/usr/src/%s/dkms.conf", names.items[i]))
			version = need_strdup(names.items[i] + strlen(MODULE "-"));
	strings_free(&names);
	return version;
}

/*
 * Return whether the configuration of a kernel can be read, and lacks an
 * option.
 */
static bool lacks_option(const char *release, const char *name)
{
	char *text = file_read(NULL, "/boot/config-%s", release), *line;
	bool lacks;

	if (!text)
		text = file_read(NULL, "/lib/modules/%s/config", release);
	line = need_printf("\n%s=", name);
	lacks = text && !strstr(text, line);
	free(line);
	free(text);
	return lacks;
}

/*
 * Return the command that removes what a line of modprobe's configuration in
 * @folder/@name does to keep our module away, as a new string, or NULL if the
 * line does not. The line of hyperv-uio-dkms runs a script that loads the
 * module.
 */
static char *line_remedy(const char *line, const char *folder, const char *name)
{
	static const char install[] = "install " MODULE " ", unsupported[] = ALLOW_UNSUPPORTED " ";

	if (!strncmp(line, install, strlen(install)) && !strstr(line, "/load-module"))
		return need_printf("sed -i '/^%s/d' %s/%s", install, folder, name);
	/* SUSE Linux Enterprise refuses modules that it does not support. */
	if (!strncmp(line, unsupported, strlen(unsupported)) && !atoi(line + strlen(unsupported)))
		return need_printf("echo '%s1' >/etc/modprobe.d/%s && " VMBUS_BIND " --all",
				   unsupported, name);
	return NULL;
}

/*
 * Find a file of modprobe's configuration that keeps our module away. Return
 * its path as a new string, and a command in *fix, or NULL. A file in /etc
 * hides those of the same name.
 */
static char *refused_by(char **fix)
{
	static const char *const folders[] = { "/etc/modprobe.d", "/run/modprobe.d",
					       "/usr/lib/modprobe.d", "/lib/modprobe.d" };

	*fix = NULL;
	for (size_t f = 0; f < sizeof(folders) / sizeof(folders[0]); f++) {
		struct strings names = file_names("%s", folders[f]);
		char *path = NULL;

		for (size_t i = 0; !path && i < names.count; i++) {
			const char *name = names.items[i];
			char *text = file_read(NULL, "%s/%s", folders[f], name), *next = text;

			if (!conf_is_named(name) || (f && file_exists("%s/%s", folders[0], name)))
				next = NULL;
			while (next && !*fix)
				*fix = line_remedy(strsep(&next, "\n"), folders[f], name);
			path = *fix ? need_printf("%s/%s", folders[f], name) : NULL;
			free(text);
		}
		strings_free(&names);
		if (path)
			return path;
	}
	return NULL;
}

/* Return whether the kernel may refuse modules that it cannot verify. */
static bool verifies_modules(void)
{
	char *lockdown = file_line("/sys/kernel/security/lockdown");
	size_t size = 0;
	char *text = file_read(&size, SECURE_BOOT);
	/* The variable has four bytes of attributes and one byte of data. */
	bool yes = (text && size == 5 && text[4] == 1) ||
		   (lockdown && strchr(lockdown, '[') && !strstr(lockdown, "[none]"));

	free(text);
	free(lockdown);
	return yes;
}

/*
 * Return the command that loads the installed module in place of the present
 * one. hv-fcopyd must not have its device open meanwhile.
 */
static char *reload(void)
{
	char *pid = doctor_process("hv-fcopyd"), *command;

	command = need_printf("%smodprobe -r " MODULE " && " VMBUS_BIND " --all%s",
			      pid ? "systemctl stop hv-fcopyd; " : "",
			      pid ? "; systemctl start hv-fcopyd" : "");
	free(pid);
	return command;
}

/*
 * Return a device that a rule binds to the module, or NULL; with @low_speed,
 * only a low-speed device. The kernel's own module refuses these before Linux
 * 6.10.
 */
static const struct device *wanted(const struct diagnosis *diagnosis, bool low_speed)
{
	for (size_t i = 0; i < diagnosis->engine.machine.count; i++) {
		const struct device *device = &diagnosis->engine.machine.devices[i];
		const struct plan *plan = &diagnosis->plans[i];

		if (plan->outcome != PLAN_NO_RULE && plan->rule.enable &&
		    !strcmp(plan->rule.driver, MODULE) &&
		    !(low_speed && file_exists("%s/monitor_id", device_sysfs(device))))
			return device;
	}
	return NULL;
}

static bool refuses_low_speed(const char *release)
{
	unsigned int major, minor;

	return sscanf(release, "%u.%u", &major, &minor) == 2 &&
	       (major < 6 || (major == 6 && minor < 10));
}

/*
 * Return whether a version is that of our module: it alone has an epoch, so
 * depmod and dkms prefer it.
 */
static bool is_ours(const char *version)
{
	return version && !strncmp(version, "1:", 2);
}

/* Check our module, which is installed as @ours and not loaded. */
static void check_ours(struct diagnosis *diagnosis, const char *ours)
{
	const bool is_own_loaded = file_exists("/sys/module/" MODULE);
	char *fix, *path = refused_by(&fix);

	if (path)
		doctor_add(diagnosis, PROBLEM, "module", fix, path,
			   "%s makes modprobe refuse " MODULE, path);
	else if (!is_own_loaded && !wanted(diagnosis, false))
		; /* Nothing needs it. */
	else if (verifies_modules())
		doctor_add(
			diagnosis, PROBLEM, "module", NULL, "doc/secure-boot.md",
			"the kernel verifies modules, and has not loaded %s: it is not signed, or the key that signs it is not enrolled",
			ours);
	else if (is_own_loaded)
		doctor_add(diagnosis, WARNING, "module", reload(), NULL,
			   "the kernel's own " MODULE
			   " is loaded, although ours is installed as %s",
			   ours);
	else
		doctor_add(diagnosis, PROBLEM, "module",
			   need_strdup("modprobe " MODULE " && " VMBUS_BIND " --all"),
			   "journalctl -k -g " MODULE,
			   "our " MODULE
			   " is installed as %s and not loaded, although rules name devices",
			   ours);
	free(path);
}

/*
 * Check a kernel for which ours is not installed; @has_own: it has a module of
 * its own.
 */
static void check_stock(struct diagnosis *diagnosis, bool has_own)
{
	const char *release = diagnosis->release;
	const struct device *device = wanted(diagnosis, true);
	char *version = dkms_version(), *fix;
	/* A repository may have it built, for a machine without dkms. */
	const char *see = version ? NULL : "doc/packages.md#a-module-without-a-compiler";

	if (version)
		fix = need_printf("dkms install " MODULE "/%s -k %s", version, release);
	else
		fix = install_package("hyperv-uio-dkms");
	if (!has_own)
		doctor_add(diagnosis, PROBLEM, "module", fix, see,
			   "the kernel %s has no module " MODULE, release);
	else if (device && refuses_low_speed(release))
		doctor_add(diagnosis, PROBLEM, "module", fix, see,
			   "a rule names %s, a low-speed device; the kernel's own " MODULE
			   " refuses such a device before Linux 6.10, and ours is not built for %s",
			   device_text(device), release);
	else
		free(fix);
	free(version);
}

void doctor_module(struct diagnosis *diagnosis)
{
	const char *release = diagnosis->release;
	const bool is_loaded = file_exists("/sys/module/" MODULE);
	char *version = file_line("/sys/module/" MODULE "/version");
	char *path = find_module(release, "modules.dep", MODULE);
	const bool has_uio = is_loaded || has_module(release, "modules.dep", "uio") ||
			     has_module(release, "modules.builtin", "uio");

	if (has_module(release, "modules.builtin", MODULE))
		; /* Ours cannot replace it. */
	else if (!has_uio && lacks_option(release, "CONFIG_UIO"))
		doctor_add(diagnosis, PROBLEM, "module", NULL,
			   "doc/packages.md#a-module-that-cannot-be-built",
			   "the kernel %s was built without UIO, so no " MODULE
			   " can be loaded; install another kernel of the distribution",
			   release);
	else if (!has_uio)
		doctor_add(diagnosis, PROBLEM, "module", install_uio(release), NULL,
			   "the module uio, which " MODULE
			   " needs, is not installed for the kernel %s: another package has it",
			   release);
	else if (is_ours(version) && strcmp(version + 2, HYPERV_UIO_VERSION))
		doctor_add(diagnosis, WARNING, "module", reload(), NULL,
			   MODULE " %s is loaded, but this is vmbusctl " HYPERV_UIO_VERSION,
			   version + 2);
	else if (is_ours(version))
		; /* This is the module of this version. */
	else if (path && !is_kernels(path))
		check_ours(diagnosis, path);
	else
		check_stock(diagnosis, is_loaded || path);
	free(path);
	free(version);
}

/* Return whether a kernel can be booted: its image exists. */
static bool is_bootable(const char *release)
{
	return file_exists("/boot/vmlinuz-%s", release) ||
	       file_exists("/lib/modules/%s/vmlinuz", release) ||
	       file_exists("/boot/Image-%s", release);
}

/* Report a kernel for which dkms has not built the module. */
static void check_kernel(struct diagnosis *diagnosis, const char *release, const char *version)
{
	const bool running = !strcmp(release, diagnosis->release);
	const char *kernel = running ? "running" : "installed",
		   *severity = running ? PROBLEM : WARNING;
	char *path = find_module(release, "modules.dep", MODULE), *see;
	const bool has_ours = path && !is_kernels(path);

	free(path);
	if (has_ours)
		return;
	if (!file_exists("/lib/modules/%s/build/Makefile", release)) {
		doctor_add(
			diagnosis, severity, "headers", install_headers(release), NULL,
			"the headers of the %s kernel %s are missing, so dkms cannot build the module for it; if the distribution no longer offers them, install a newer kernel with its headers",
			kernel, release);
		return;
	}
	see = need_printf("/var/lib/dkms/" MODULE "/%s/build/make.log", version);
	doctor_add(
		diagnosis, severity, "dkms",
		need_printf("dkms install " MODULE "/%s -k %s", version, release), see,
		"dkms has not built the module for the %s kernel %s, although its headers are installed",
		kernel, release);
	free(see);
}

void doctor_headers(struct diagnosis *diagnosis)
{
	struct strings releases = file_names("/lib/modules");
	char *version = dkms_version();

	for (size_t i = 0; version && i < releases.count; i++)
		if (is_bootable(releases.items[i]) ||
		    !strcmp(releases.items[i], diagnosis->release))
			check_kernel(diagnosis, releases.items[i], version);
	free(version);
	strings_free(&releases);
}
