// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl doctor: find why something does not work, and the remedy. */
#include "doctor.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "file.h"
#include "json.h"
#include "lint.h"
#include "table.h"

#define DAEMON "hv-fcopyd"

void doctor_add(struct diagnosis *diagnosis, const char *severity, const char *check, char *fix,
		const char *see, const char *format, ...)
{
	struct json_object *o = json_object_new_object();
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	json_string(o, "severity", severity);
	json_string(o, "check", check);
	json_string(o, "text", need(text));
	json_string(o, "fix", fix);
	json_string(o, "see", see);
	json_object_array_add(diagnosis->findings, o);
	free(text);
	free(fix);
}

char *doctor_process(const char *name)
{
	struct strings names = file_names("/proc");
	char *pid = NULL;

	for (size_t i = 0; !pid && i < names.count; i++) {
		char *comm;

		if (!isdigit((unsigned char)names.items[i][0]))
			continue;
		comm = file_line("/proc/%s/comm", names.items[i]);
		if (comm && !strncmp(comm, name, 15))
			pid = need_strdup(names.items[i]);
		free(comm);
	}
	strings_free(&names);
	return pid;
}

static void check_vmbus(struct diagnosis *diagnosis)
{
	const struct machine *machine = &diagnosis->engine.machine;

	if (machine->fault)
		doctor_add(diagnosis, PROBLEM, "vmbus", NULL, "journalctl -k -g vmbus", "%s",
			   machine->fault);
	if (!machine->handles)
		doctor_add(
			diagnosis, PROBLEM, "vmbus", NULL,
			"systemd-detect-virt; journalctl -k -g 'hv_vmbus|Hyper-V'",
			"this machine has no VMBus: either it is not a guest of Hyper-V or Azure, or hv_vmbus has not set up the bus");
}

static void check_configuration(struct diagnosis *diagnosis)
{
	const struct config *config = &diagnosis->engine.config;

	for (size_t i = 0; i < config->finding_count; i++) {
		const struct finding *finding = &config->findings[i];
		char *place = place_format(&finding->at);

		doctor_add(diagnosis, finding->is_fault ? PROBLEM : WARNING, "configuration", NULL,
			   "hyperv-uio.conf(5)", "%s: %s", place, finding->text);
		free(place);
	}
}

/*
 * Report a device that vmbus-bind would bind now. If it refuses to, lint() has
 * a finding.
 */
static void check_device(struct diagnosis *diagnosis, size_t index)
{
	const struct device *device = &diagnosis->engine.machine.devices[index];
	const struct plan *plan = &diagnosis->plans[index];
	char *see;

	if (plan->outcome != PLAN_BIND)
		return;
	see = need_printf("vmbusctl show %s", device->instance);
	doctor_add(diagnosis, PROBLEM, "devices", need_printf(VMBUS_BIND " %s", device->instance),
		   see, "%s is not bound to %s, as %s:%u wants", device_text(device),
		   plan->rule.driver, plan->at.file, plan->at.line);
	free(see);
}

/* Return the file copy device, which the host calls Guest Service, or NULL. */
static const struct device *fcopy_device(const struct machine *machine)
{
	for (size_t i = 0; i < machine->count; i++)
		if (!strcmp(device_class(&machine->devices[i]), "fcopy"))
			return &machine->devices[i];
	return NULL;
}

/*
 * Report a daemon of the kernel tree that has the device. Return whether there
 * is one.
 */
static bool check_other_daemons(struct diagnosis *diagnosis)
{
	static const char *const others[] = { "hv_fcopy_daemon", "hypervfcopyd",
					      "hv_fcopy_uio_daemon" };
	bool found = false;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		char *pid = doctor_process(others[i]), *see;

		if (!pid)
			continue;
		found = true;
		see = need_printf("systemctl status %s", pid);
		doctor_add(diagnosis, PROBLEM, "daemon", need_printf("kill %s", pid), see,
			   "the kernel tree's daemon %s is running, so " DAEMON
			   " cannot use the device; disable the unit that started it",
			   others[i]);
		free(see);
		free(pid);
	}
	return found;
}

static void check_guest_service(struct diagnosis *diagnosis)
{
	const struct device *device = fcopy_device(&diagnosis->engine.machine);
	const char *uio = device ? device->handle->uio : NULL;

	char *pid;

	if (!file_exists("/usr/sbin/" DAEMON) && !file_exists("/usr/local/sbin/" DAEMON))
		return;
	if (!device)
		doctor_add(
			diagnosis, WARNING, "guest-service",
			need_strdup(
				"on the host: Enable-VMIntegrationService -VMName NAME -Name 'Guest Service Interface'"),
			NULL,
			"the host does not offer the file copy device, so Copy-VMFile cannot work; on Azure it never does");
	/* The other checks say why the device is not bound. */
	if (!uio || check_other_daemons(diagnosis))
		return;
	pid = doctor_process(DAEMON);
	if (!pid)
		doctor_add(diagnosis, PROBLEM, "daemon",
			   need_strdup("systemctl unmask " DAEMON "; systemctl restart " DAEMON),
			   "systemctl status " DAEMON "; " DAEMON " --check-config",
			   "the file copy device is bound (%s), but " DAEMON " is not running",
			   uio);
	free(pid);
}

/* Read everything that the checks compare, without messages. */
static void read_all(struct diagnosis *diagnosis)
{
	struct engine *engine = &diagnosis->engine;
	struct machine *machine = &engine->machine;

	engine_read(engine);
	lint(&engine->config, machine->handles ? machine : NULL);
	diagnosis->plans = need(calloc(machine->count + 1, sizeof(*diagnosis->plans)));
	for (size_t i = 0; i < machine->count; i++)
		engine_plan(engine, &machine->devices[i], &diagnosis->plans[i]);
	diagnosis->release = file_line("/proc/sys/kernel/osrelease");
	if (!diagnosis->release)
		diagnosis->release = need_strdup("");
}

static void free_all(struct diagnosis *diagnosis)
{
	json_object_put(diagnosis->findings);
	free(diagnosis->release);
	free(diagnosis->plans);
	engine_free(&diagnosis->engine);
}

static void print_text(struct json_object *finding)
{
	const char *severity = json_get_string(finding, "severity"),
		   *fix = json_get_string(finding, "fix"), *see = json_get_string(finding, "see");
	const enum colour colour = !strcmp(severity, PROBLEM) ? COLOUR_BAD : COLOUR_WARNING;

	printf("%s%s%s  %s: %s\n", colour_on(stdout, colour), severity, colour_off(stdout, colour),
	       json_get_string(finding, "check"), json_get_string(finding, "text"));
	if (*fix)
		printf("         fix: %s\n", fix);
	if (*see)
		printf("         see: %s\n", see);
}

static int run(const struct options *options, int count, char **operands)
{
	struct diagnosis diagnosis = { .findings = json_object_new_array() };
	size_t found;

	read_all(&diagnosis);
	check_vmbus(&diagnosis);
	if (diagnosis.engine.machine.handles) {
		doctor_module(&diagnosis);
		doctor_headers(&diagnosis);
		for (size_t i = 0; i < diagnosis.engine.machine.count; i++)
			check_device(&diagnosis, i);
		check_guest_service(&diagnosis);
	}
	check_configuration(&diagnosis);
	found = json_object_array_length(diagnosis.findings);
	for (size_t i = 0; !options->json && i < found; i++)
		print_text(json_object_array_get_idx(diagnosis.findings, i));
	if (options->json)
		json_print(diagnosis.findings, JSON_C_TO_STRING_PRETTY);
	else if (!found)
		puts("doctor finds nothing wrong");
	free_all(&diagnosis);
	return found ? EXIT_FINDINGS : EXIT_OK;
}

const struct command doctor_command = {
	.name = "doctor",
	.arguments = "[-j]",
	.summary = "find why something does not work, and what to do about it",
	.help = "The command changes nothing. The exit status is 7 if there is a problem or a warning.\n"
		"  -j, --json      as JSON\n",
	.options = "--json --help",
	.takes = "",
	.run = run,
};
