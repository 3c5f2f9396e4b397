// SPDX-License-Identifier: GPL-2.0-only
/*
 * doctor: check VMBus, the kernel and its uio_hv_generic, and what dkms needs
 * to build ours.
 */
#include <stdlib.h>
#include <string.h>

#include "distribution.h"
#include "doctor.h"
#include "file.h"

#define MODULE "uio_hv_generic"
#define ALLOW_UNSUPPORTED "allow_unsupported_modules"

static const char *const suffixes[] = { "", ".xz", ".zst", ".gz" };

/*
 * Find the module in a directory below /lib/modules/RELEASE. Return its path,
 * or NULL.
 */
static char *module_in(const char *release, const char *folder)
{
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (file_exists("/lib/modules/%s/%s/" MODULE ".ko%s", release, folder, suffixes[i]))
			return need_printf("/lib/modules/%s/%s/" MODULE ".ko%s", release, folder,
					   suffixes[i]);
	return NULL;
}

/*
 * The version of our module has an epoch. The version of the kernel's own
 * module, which load-module may have loaded, has none.
 */
bool doctor_is_ours_loaded(void)
{
	char *version = file_line("/sys/module/" MODULE "/version");
	bool ours = version && !strncmp(version, "1:", 2);

	free(version);
	return ours;
}

char *doctor_our_module(const char *release)
{
	/*
	 * On Debian, Ubuntu, SUSE, Fedora and RHEL, dkms installs the module in
	 * one of the first three directories. make install-modules uses the
	 * last one.
	 */
	static const char *const folders[] = { "updates/dkms", "extra", "extra/dkms", "updates" };
	char *path = NULL;

	for (size_t i = 0; !path && i < sizeof(folders) / sizeof(folders[0]); i++)
		path = module_in(release, folders[i]);
	return path;
}

char *doctor_own_module(const char *release)
{
	return module_in(release, "kernel/drivers/uio");
}

bool doctor_has_dkms_source(char **version)
{
	struct strings names = file_names("/usr/src");
	const char *found = NULL;

	for (size_t i = 0; i < names.count; i++)
		if (!strncmp(names.items[i], MODULE "-", strlen(MODULE "-")) &&
		    file_exists("/usr/src/%s/dkms.conf", names.items[i]))
			found = names.items[i] + strlen(MODULE "-");
	if (version)
		*version = found ? need_strdup(found) : NULL;
	strings_free(&names);
	return found;
}

static bool is_azure(void)
{
	char *tag = file_line("/sys/class/dmi/id/chassis_asset_tag");
	bool azure = tag && !strcmp(tag, "7783-7084-3265-9085-8269-3286-77");

	free(tag);
	return azure;
}

static bool is_hyperv(void)
{
	char *vendor = file_line("/sys/class/dmi/id/sys_vendor");
	char *product = file_line("/sys/class/dmi/id/product_name");
	bool hyperv = vendor && product && !strcmp(vendor, "Microsoft Corporation") &&
		      !strcmp(product, "Virtual Machine");

	free(vendor);
	free(product);
	return hyperv;
}

void doctor_vmbus(struct diagnosis *diagnosis)
{
	const struct machine *machine = &diagnosis->view.engine.machine;

	if (machine->fault)
		doctor_complain(diagnosis, SEVERITY_PROBLEM, "vmbus",
				need_strdup("journalctl -k -g vmbus"),
				"%s (see the kernel log)", machine->fault);
	if (machine->handles)
		doctor_report(diagnosis, SEVERITY_OK, "vmbus", "VMBus has %zu device%s; kernel %s%s",
			      machine->count, machine->count == 1 ? "" : "s", diagnosis->release,
			      is_azure() ? ", on Azure" : "");
	else if (is_hyperv() && file_exists("/sys/module/hv_vmbus"))
		doctor_complain(
			diagnosis, SEVERITY_PROBLEM, "vmbus",
			need_strdup("journalctl -k -g 'hv_vmbus|Hyper-V'"),
			"this is a guest of Hyper-V, but hv_vmbus has not set up the bus (see the "
			"kernel log)");
	else if (is_hyperv())
		doctor_complain(
			diagnosis, SEVERITY_PROBLEM, "vmbus", need_strdup("modprobe hv_vmbus"),
			"this is a guest of Hyper-V, but the module hv_vmbus is not loaded");
	else
		doctor_complain(
			diagnosis, SEVERITY_PROBLEM, "vmbus", need_strdup("systemd-detect-virt"),
			"this machine has no VMBus, because it is not a guest of Hyper-V or Azure; "
			"the command shows what it is");
}

/*
 * Return whether the kernel was built with an option: 1, 0, or -1 if its
 * configuration cannot be read.
 */
static int kernel_option(const char *release, const char *name)
{
	char *text = file_read(NULL, "/boot/config-%s", release), *line;
	int found;

	if (!text)
		text = file_read(NULL, "/lib/modules/%s/config", release);
	if (!text)
		return -1;
	line = need_printf("\n%s=", name);
	found = strstr(text, line) != NULL;
	free(line);
	free(text);
	return found;
}

static bool is_built_in(const char *release)
{
	char *text = file_read(NULL, "/lib/modules/%s/modules.builtin", release);
	bool found = text && strstr(text, "/" MODULE ".ko");

	free(text);
	return found;
}

/*
 * Return a low-speed device that a rule binds to the module, or NULL. The
 * kernel's own module refuses such a device before Linux 6.10.
 */
static const struct device *low_speed_device(const struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->view.engine.machine.count; i++) {
		const struct device *device = &diagnosis->view.engine.machine.devices[i];
		const struct plan *plan = doctor_plan(diagnosis, device);

		if (!diagnosis->view.details[i].monitored && plan_has_rule(plan) &&
		    plan->rule.enable && !strcmp(plan->rule.driver, MODULE))
			return device;
	}
	return NULL;
}

static bool any_rule(const struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->view.engine.machine.count; i++) {
		const struct plan *plan = &diagnosis->plans[i];

		if (plan_has_rule(plan) && plan->rule.enable)
			return true;
	}
	return false;
}

static bool refuses_low_speed(const char *release)
{
	unsigned int major, minor;

	return sscanf(release, "%u.%u", &major, &minor) == 2 &&
	       (major < 6 || (major == 6 && minor < 10));
}

/*
 * Return a new string: the command that loads the installed module in place of
 * the present one. hv-fcopyd must not have its device open meanwhile.
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
 * Report whether the kernel's own module suffices for the rules. It is loaded
 * if @loaded is not empty.
 */
static void judge_own_module(struct diagnosis *diagnosis, const char *loaded, const char *ours)
{
	const struct device *device = low_speed_device(diagnosis);
	char *version;

	if (ours && *loaded) {
		doctor_complain(diagnosis, SEVERITY_WARNING, "module", reload(),
				"the kernel's own " MODULE
				" (%s) is loaded, although ours is installed as %s",
				loaded, ours);
	} else if (device && refuses_low_speed(diagnosis->release)) {
		char *fix;

		if (doctor_has_dkms_source(&version))
			fix = need_printf("dkms install " MODULE "/%s -k %s", version,
					  diagnosis->release);
		else
			fix = distribution_install("hyperv-uio-dkms");
		free(version);
		doctor_complain(
			diagnosis, SEVERITY_PROBLEM, "module", fix,
			"a rule names %s (%s), a low-speed device; the kernel's own " MODULE
			" refuses such a device before Linux 6.10, and ours is not built for %s",
			device->instance, device_class(device), diagnosis->release);
	} else {
		doctor_report(diagnosis, SEVERITY_OK, "module",
			      "the kernel's own " MODULE "%s%s%s is %s, "
			      "which is enough for the rules here",
			      *loaded ? " (" : "", loaded, *loaded ? ")" : "",
			      *loaded ? "loaded" : "installed");
	}
}

/* SUSE's modprobe has this setting, and SUSE Linux Enterprise sets it to 0. */
static bool is_about_support(const char *line)
{
	return !strncmp(line, ALLOW_UNSUPPORTED " ", strlen(ALLOW_UNSUPPORTED " "));
}

/*
 * Return whether a line of modprobe's configuration runs a command instead of
 * loading the module. hyperv-uio-dkms has such a line, too, but its script
 * loads the module.
 */
static bool is_forbidding(const char *line)
{
	return !strncmp(line, "install " MODULE " ", strlen("install " MODULE " ")) &&
	       !strstr(line, "/load-module");
}

/*
 * Return the first file of modprobe's configuration with a line that is
 * @wanted, as a new string, or NULL. Store a copy of the line in *@found unless
 * that is NULL.
 */
static char *configured_by(bool (*wanted)(const char *line), char **found)
{
	static const char *const folders[] = { "/etc/modprobe.d", "/run/modprobe.d",
					       "/usr/lib/modprobe.d", "/lib/modprobe.d" };
	char *path = NULL;

	for (size_t f = 0; !path && f < sizeof(folders) / sizeof(folders[0]); f++) {
		struct strings names = file_names("%s", folders[f]);

		for (size_t i = 0; !path && i < names.count; i++) {
			char *text = file_read(NULL, "%s/%s", folders[f], names.items[i]), *rest,
			     *line;

			rest = text;
			while (text && !path && (line = strsep(&rest, "\n")))
				if (wanted(line))
					path = need_printf("%s/%s", folders[f], names.items[i]);
			if (path && found)
				*found = need_strdup(line);
			free(text);
		}
		strings_free(&names);
	}
	return path;
}

static void check_loaded(struct diagnosis *diagnosis, const char *ours)
{
	char *version = file_line("/sys/module/" MODULE "/version");

	/*
	 * Only the version of our module has an epoch, so depmod and dkms
	 * prefer it.
	 */
	if (!version || strncmp(version, "1:", 2)) {
		judge_own_module(diagnosis, version && *version ? version : "without a version",
				 ours);
	} else if (strcmp(version + 2, HYPERV_UIO_VERSION)) {
		doctor_complain(diagnosis, SEVERITY_WARNING, "module", reload(),
				MODULE " %s is loaded, but this is vmbusctl " HYPERV_UIO_VERSION,
				version + 2);
	} else {
		doctor_report(diagnosis, SEVERITY_OK, "module", "our " MODULE " %s is loaded",
			      version + 2);
	}
	free(version);
}

static void check_installed(struct diagnosis *diagnosis, const char *ours)
{
	char *own = doctor_own_module(diagnosis->release);
	char *forbidden = configured_by(is_forbidding, NULL);

	if (forbidden) {
		doctor_complain(diagnosis,
				any_rule(diagnosis) ? SEVERITY_PROBLEM : SEVERITY_WARNING, "module",
				need_printf("sed -i '/^install " MODULE " /d' %s", forbidden),
				"%s forbids loading " MODULE, forbidden);
	} else if (ours) {
		if (any_rule(diagnosis))
			doctor_complain(diagnosis, SEVERITY_PROBLEM, "module",
					need_strdup("modprobe " MODULE " && " VMBUS_BIND " --all"),
					"our " MODULE
					" is installed as %s and not loaded, although rules name "
					"devices",
					ours);
		else
			doctor_report(diagnosis, SEVERITY_OK, "module",
				      "our " MODULE " is installed as %s", ours);
	} else if (own) {
		judge_own_module(diagnosis, "", NULL);
	} else if (!kernel_option(diagnosis->release, "CONFIG_UIO")) {
		doctor_complain(diagnosis, SEVERITY_PROBLEM, "module",
				distribution_install_kernel(diagnosis->release),
				"the kernel %s was built without UIO, so no " MODULE
				" can be loaded; another "
				"kernel of the distribution has it",
				diagnosis->release);
	} else {
		doctor_complain(diagnosis, SEVERITY_PROBLEM, "module",
				distribution_install("hyperv-uio-dkms"),
				"the kernel %s has no module " MODULE, diagnosis->release);
	}
	free(forbidden);
	free(own);
}

/*
 * Report it if modprobe refuses every module that SUSE does not support, and so
 * ours. Return whether it does.
 */
static bool check_support(struct diagnosis *diagnosis)
{
	char *line = NULL, *path = configured_by(is_about_support, &line), *load;
	bool refuses = path && atoi(line + strlen(ALLOW_UNSUPPORTED)) == 0;

	if (refuses) {
		load = file_exists("/sys/module/" MODULE) ? reload() :
							    need_strdup(VMBUS_BIND " --all");
		doctor_complain(diagnosis, SEVERITY_PROBLEM, "module",
				need_printf("echo '" ALLOW_UNSUPPORTED " 1' >/etc/modprobe.d/"
					    "10-unsupported-modules.conf && %s",
					    load),
				"%s makes modprobe refuse our module, because SUSE does not "
				"support it",
				path);
		free(load);
	}
	free(path);
	free(line);
	return refuses;
}

void doctor_module(struct diagnosis *diagnosis)
{
	char *ours = doctor_our_module(diagnosis->release);

	if (!diagnosis->view.engine.machine.handles)
		;	/* doctor_vmbus() has reported it */
	else if (is_built_in(diagnosis->release))
		doctor_report(diagnosis, SEVERITY_NOTE, "module", "the kernel %s has its own " MODULE
			      " built in, so ours cannot replace it", diagnosis->release);
	else if (ours && !doctor_is_ours_loaded() && check_support(diagnosis))
		;	/* Other findings would only show what follows from it. */
	else if (file_exists("/sys/module/" MODULE))
		check_loaded(diagnosis, ours);
	else
		check_installed(diagnosis, ours);
	free(ours);
}

/* Return whether a kernel can be booted: its image exists. */
static bool is_bootable(const char *release)
{
	return file_exists("/boot/vmlinuz-%s", release) ||
	       file_exists("/lib/modules/%s/vmlinuz", release) ||
	       file_exists("/boot/Image-%s", release);
}

static bool has_headers(const char *release)
{
	return file_exists("/lib/modules/%s/build/Makefile", release);
}

/*
 * Report a kernel for which dkms has not built the module. Return whether dkms
 * has.
 */
static bool check_kernel(struct diagnosis *diagnosis, const char *release, const char *version)
{
	bool running = !strcmp(release, diagnosis->release);
	enum severity severity = running ? SEVERITY_PROBLEM : SEVERITY_WARNING;
	char *ours = doctor_our_module(release);

	if (ours) {
		free(ours);
		return true;
	}
	if (!has_headers(release)) {
		doctor_complain(
			diagnosis, severity, "headers", distribution_install_headers(release),
			"the headers of the %s kernel %s are missing%s, so dkms cannot build the "
			"module for it; if the distribution no longer offers them, install a newer "
			"kernel with its headers",
			running ? "running" : "installed", release,
			strstr(release, "cloud") ?
				" (the headers of other kernels do not fit a cloud kernel)" :
				"");
		return false;
	}
	doctor_complain(
		diagnosis, severity, "dkms",
		need_printf("dkms install " MODULE "/%s -k %s", version, release),
		"dkms has not built the module for the %s kernel %s, although its headers are "
		"installed (see /var/lib/dkms/" MODULE "/%s/build/make.log)",
		running ? "running" : "installed", release, version);
	return false;
}

void doctor_headers(struct diagnosis *diagnosis)
{
	struct strings releases = file_names("/lib/modules");
	bool ok = true, any = false;
	char *version;

	if (!doctor_has_dkms_source(&version)) {
		doctor_report(diagnosis, SEVERITY_NOTE, "headers",
			      "hyperv-uio-dkms is not installed, so no headers are needed");
	} else {
		for (size_t i = 0; i < releases.count; i++) {
			if (!is_bootable(releases.items[i]) &&
			    strcmp(releases.items[i], diagnosis->release))
				continue;
			any = true;
			if (!check_kernel(diagnosis, releases.items[i], version))
				ok = false;
		}
		if (!any)
			doctor_report(diagnosis, SEVERITY_NOTE, "headers",
				      "no kernel is installed here, so there is none to build the "
				      "module for");
		else if (ok)
			doctor_report(diagnosis, SEVERITY_OK, "headers",
				      "the module is built for every kernel that can be booted");
	}
	free(version);
	strings_free(&releases);
}
