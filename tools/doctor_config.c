// SPDX-License-Identifier: GPL-2.0-only
/*
 * doctor: check the configuration, and find devices that do not have the driver
 * that it names.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "doctor.h"
#include "driverctl.h"
#include "file.h"
#include "identify.h"

#define ENTRY DRIVERCTL_FOLDER "/vmbus-"

static bool starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

/*
 * Return the command that moves a file and overwrites none. @to is a new
 * string, which this function frees.
 */
static char *move(const char *from, char *to)
{
	char *source = doctor_word(from), *target = doctor_word(to);
	char *fix = need_printf("mv -n %s %s", source, target);

	free(source);
	free(target);
	free(to);
	return fix;
}

/*
 * Return the command that corrects an entry of driverctl if @name, the end of
 * its path, is not a GUID. If @name identifies one device, the command renames
 * the entry. Otherwise the entry can have no effect, and the command removes
 * it.
 */
static char *fix_entry(const struct diagnosis *diagnosis, const char *path, const char *name)
{
	char *target = NULL, *word, *fix;
	struct device **found;

	if (identify_all((struct machine *)&diagnosis->view.engine.machine, name, &found) == 1)
		target = need(driverctl_path(found[0]->instance));
	free(found);
	if (target && !file_exists("%s", target + strlen(vmbus_sysroot())))
		return move(path, target);
	free(target);
	word = doctor_word(path);
	fix = need_printf("rm %s", word);
	free(word);
	return fix;
}

/*
 * Return whether @name, which does not end in .conf, is a copy of a file of
 * rules: a.conf.dpkg-old, or a.bak or a~ where a folder has a.conf.
 */
static bool is_copy(const char *name)
{
	const char *end = strchr(name, '~') ? strchr(name, '~') : strrchr(name, '.');
	const int length = end ? (int)(end - name) : (int)strlen(name);

	return strstr(name, ".conf") ||
	       file_exists(ADMIN_CONFIG "/%.*s.conf", length, name) ||
	       file_exists(VENDOR_CONFIG "/%.*s.conf", length, name);
}

/*
 * Return the command that corrects a file in bind.d whose name does not end in
 * .conf. A copy or a folder must not take effect, so the command moves it to
 * the directory above bind.d.
 */
static char *fix_ignored(const char *path)
{
	const char *slash = strrchr(path, '/'), *folder = slash;
	struct stat st;

	if (!is_copy(slash + 1) && !stat(path, &st) && S_ISREG(st.st_mode))
		return move(path, need_printf("%s.conf", path));
	while (folder > path && folder[-1] != '/')
		folder--;
	return move(path, need_printf("%.*s", (int)(folder - path), path));
}

/* Return the command that corrects a file of the configuration. */
static char *fix_file(const struct diagnosis *diagnosis, const char *path,
		      const struct finding *finding)
{
	const unsigned int line = finding->at.line;
	const char *root = vmbus_sysroot();
	const char *inside = starts_with(path, root) ? path + strlen(root) : path;
	const char *end = strlen(path) > 5 ? path + strlen(path) - 5 : path;
	char guid[VMBUS_GUID_SIZE], *word, *fix;

	if (strstr(finding->text, "chown root:root")) {
		word = doctor_word(path);
		fix = need_printf("chown root:root %s; chmod go-w %s", word, word);
		free(word);
		return fix;
	}
	if (starts_with(inside, ENTRY) && vmbus_guid_parse(inside + strlen(ENTRY), guid))
		return fix_entry(diagnosis, path, inside + strlen(ENTRY));
	if ((starts_with(inside, ADMIN_CONFIG "/") || starts_with(inside, VENDOR_CONFIG "/")) &&
	    strcmp(end, ".conf"))
		return fix_ignored(path);
	word = doctor_word(path);
	/* Line 0 stands for the whole file. */
	fix = need_printf("${EDITOR:-vi} +%u %s", line ? line : 1, word);
	free(word);
	return fix;
}

void doctor_configuration(struct diagnosis *diagnosis)
{
	const struct config *config = &diagnosis->view.engine.config;

	for (size_t i = 0; i < config->finding_count; i++) {
		const struct finding *finding = &config->findings[i];
		const char *file = finding->at.file ? finding->at.file : ADMIN_CONFIG;

		doctor_complain(diagnosis, finding->is_fault ? SEVERITY_PROBLEM : SEVERITY_WARNING,
				"configuration", fix_file(diagnosis, file, finding),
				"%s:%u: %s", file, finding->at.line, finding->text);
	}
	if (!config->finding_count && diagnosis->view.engine.config_error)
		doctor_complain(diagnosis, SEVERITY_PROBLEM, "configuration",
				need_strdup(VMBUS_BIND " --check"),
				"the configuration cannot be read: %s",
				strerror(-diagnosis->view.engine.config_error));
	else if (!config->finding_count)
		doctor_report(diagnosis, SEVERITY_OK, "configuration", "no file has a fault");
}

static bool check_device(struct diagnosis *diagnosis, const struct device *device)
{
	const struct plan *plan = doctor_plan(diagnosis, device);
	const size_t index = device - diagnosis->view.engine.machine.devices;
	const char *state = diagnosis->view.details[index].module_state;
	bool trouble = false;

	if (state && !strcmp(state, "lost")) {
		doctor_complain(
			diagnosis, SEVERITY_PROBLEM, "devices",
			need_printf("fuser -v -k /dev/%s", vmbus_device_uio(device->handle)),
			"%s (%s) is lost: a program had it open when the VM was suspended, and "
			"has not closed it",
			device->instance, device_class(device));
		trouble = true;
	} else if (state && !strcmp(state, "failed")) {
		doctor_complain(
			diagnosis, SEVERITY_PROBLEM, "devices",
			need_printf("vmbusctl unbind --now %s; vmbusctl bind --now %s",
				    device->instance, device->instance),
			"%s (%s) has failed: the host did not accept its buffers after a resume",
			device->instance, device_class(device));
		trouble = true;
	}
	if (plan->outcome == PLAN_WAITS) {
		doctor_report(diagnosis, SEVERITY_NOTE, "devices", "%s (%s) is left alone: %s",
			      device->instance, device_class(device), plan->reason);
	} else if (plan->outcome == PLAN_BIND) {
		doctor_complain(diagnosis, SEVERITY_PROBLEM, "devices",
				need_printf(VMBUS_BIND " %s", device->instance),
				"%s (%s) %s%s, but %s:%u binds it to %s", device->instance,
				device_class(device),
				*device_driver(device) ? "is bound to " : "has no driver",
				device_driver(device), plan->at.file,
				plan->at.line, plan->rule.driver);
		trouble = true;
	} else if (plan->outcome == PLAN_REFUSED && device->stack.up[0]) {
		/*
		 * The rule is right, and the next boot carries it out. No
		 * command that does so now is a fix, because it may take the
		 * network away from an ssh session.
		 */
		doctor_complain(diagnosis, SEVERITY_WARNING, "devices",
				need_printf("vmbusctl show %s", device->instance),
				"%s (%s) is refused: %s, and so does a reboot", device->instance,
				device_class(device), plan->reason);
		trouble = true;
	} else if (plan->outcome == PLAN_REFUSED) {
		/* --force is not a fix, because the device may be in use. */
		doctor_complain(diagnosis, SEVERITY_WARNING, "devices",
				need_printf("vmbusctl unbind --boot %s", device->instance),
				"%s (%s) is refused: %s", device->instance, device_class(device),
				plan->reason);
		trouble = true;
	}
	return trouble;
}

void doctor_devices(struct diagnosis *diagnosis)
{
	bool trouble = false;

	for (size_t i = 0; i < diagnosis->view.engine.machine.count; i++)
		if (check_device(diagnosis, &diagnosis->view.engine.machine.devices[i]))
			trouble = true;
	if (!trouble && diagnosis->view.engine.machine.handles)
		doctor_report(diagnosis, SEVERITY_OK, "devices",
			      "all devices are bound as configured");
}
