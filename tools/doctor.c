// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl doctor: find why something does not work, and the remedy. */
#include "doctor.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "colour.h"
#include "command.h"
#include "describe.h"
#include "file.h"
#include "json.h"
#include "lint.h"

#define DAEMON "hv-fcopyd"

static int run(const struct options *options, int count, char **operands);

const struct command doctor_command = {
	.name = "doctor",
	.arguments = "[-q] [-j]",
	.summary = "find why something does not work, and what to do about it",
	.help = "The command changes nothing. The exit status is 7 if there is a problem or a warning.\n"
		"  -q, --quiet     show only problems and warnings\n"
		"  -j, --json      as JSON\n",
	.options = "--quiet --json --help",
	.takes = "",
	.run = run,
};

void doctor_add(struct diagnosis *diagnosis, enum severity severity, const char *check, char *fix,
		const char *see, const char *format, ...)
{
	struct doctor_finding *finding;
	va_list args;

	diagnosis->findings =
		need(reallocarray(diagnosis->findings, diagnosis->count + 1, sizeof(*finding)));
	finding = &diagnosis->findings[diagnosis->count++];
	*finding = (struct doctor_finding){
		.severity = severity,
		.check = check,
		.fix = fix,
		.see = see ? need_strdup(see) : NULL,
	};
	va_start(args, format);
	if (vasprintf(&finding->text, format, args) < 0)
		finding->text = need(NULL);
	va_end(args);
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
	const struct machine *machine = &diagnosis->view.engine.machine;

	if (machine->fault)
		doctor_add(diagnosis, SEVERITY_PROBLEM, "vmbus", NULL, "journalctl -k -g vmbus",
			   "%s", machine->fault);
	if (machine->handles)
		doctor_add(diagnosis, SEVERITY_OK, "vmbus", NULL, NULL,
			   "VMBus has %zu device%s; kernel %s", machine->count,
			   machine->count == 1 ? "" : "s", diagnosis->release);
	else
		doctor_add(
			diagnosis, SEVERITY_PROBLEM, "vmbus", NULL,
			"systemd-detect-virt; journalctl -k -g 'hv_vmbus|Hyper-V'",
			"this machine has no VMBus: either it is not a guest of Hyper-V or Azure, or hv_vmbus has not set up the bus");
}

static void check_configuration(struct diagnosis *diagnosis)
{
	const struct config *config = &diagnosis->view.engine.config;

	for (size_t i = 0; i < config->finding_count; i++) {
		const struct finding *finding = &config->findings[i];

		doctor_add(diagnosis, finding->is_fault ? SEVERITY_PROBLEM : SEVERITY_WARNING,
			   "configuration", NULL, "hyperv-uio.conf(5)", "%s:%u: %s",
			   finding->at.file, finding->at.line, finding->text);
	}
	if (!config->finding_count)
		doctor_add(diagnosis, SEVERITY_OK, "configuration", NULL, NULL,
			   "no file has a fault");
}

/*
 * Check a device that a rule names, or that a program cannot use any more.
 * Return whether there is something to report.
 */
static bool check_device(struct diagnosis *diagnosis, size_t index)
{
	const struct device *device = &diagnosis->view.engine.machine.devices[index];
	const char *state = json_get_string(diagnosis->devices[index], "module_state");
	const struct plan *plan = &diagnosis->plans[index];
	char *see = need_printf("vmbusctl show %s", device->instance);
	bool trouble = true;

	if (!strcmp(state, "lost"))
		doctor_add(
			diagnosis, SEVERITY_PROBLEM, "devices",
			need_printf("fuser -v -k /dev/%s", device->handle->uio), NULL,
			"%s is lost: a program had it open when the VM was suspended, and has not closed it",
			device_text(device));
	else if (!strcmp(state, "failed"))
		doctor_add(diagnosis, SEVERITY_PROBLEM, "devices",
			   need_printf("vmbusctl unbind --now %s; vmbusctl bind --now %s",
				       device->instance, device->instance),
			   NULL,
			   "%s has failed: the host did not accept its buffers after a resume",
			   device_text(device));
	else if (plan->outcome == PLAN_BIND)
		doctor_add(diagnosis, SEVERITY_PROBLEM, "devices",
			   need_printf(VMBUS_BIND " %s", device->instance), see,
			   "%s is not bound to %s, as %s:%u wants", device_text(device),
			   plan->rule.driver, plan->at.file, plan->at.line);
	else if (plan->outcome == PLAN_REFUSED)
		doctor_add(diagnosis, SEVERITY_WARNING, "devices", NULL, see, "%s is refused: %s",
			   device_text(device), plan->reason);
	else
		trouble = false;
	free(see);
	return trouble;
}

static void check_devices(struct diagnosis *diagnosis)
{
	bool trouble = false;

	for (size_t i = 0; i < diagnosis->view.engine.machine.count; i++)
		trouble |= check_device(diagnosis, i);
	if (!trouble)
		doctor_add(diagnosis, SEVERITY_OK, "devices", NULL, NULL,
			   "all devices are bound as configured");
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
		doctor_add(diagnosis, SEVERITY_PROBLEM, "daemon", need_printf("kill %s", pid), see,
			   "the kernel tree's daemon %s is running, so " DAEMON
			   " cannot use the device; disable the unit that started it",
			   others[i]);
		free(see);
		free(pid);
	}
	return found;
}

static void check_daemon(struct diagnosis *diagnosis, const char *uio)
{
	char *pid = doctor_process(DAEMON);

	if (pid)
		doctor_add(diagnosis, SEVERITY_OK, "daemon", NULL, NULL,
			   DAEMON " is running (process %s)", pid);
	else if (uio)
		doctor_add(diagnosis, SEVERITY_PROBLEM, "daemon",
			   need_strdup("systemctl unmask " DAEMON "; systemctl restart " DAEMON),
			   "systemctl status " DAEMON "; " DAEMON " --check-config",
			   "the file copy device is bound (%s), but " DAEMON " is not running",
			   uio);
	else
		doctor_add(diagnosis, SEVERITY_OK, "daemon", NULL, NULL,
			   DAEMON " starts when the file copy device is bound");
	free(pid);
}

static void check_guest_service(struct diagnosis *diagnosis)
{
	const struct device *device = fcopy_device(&diagnosis->view.engine.machine);
	const char *uio = device ? device->handle->uio : NULL;

	if (!file_exists("/usr/sbin/" DAEMON) && !file_exists("/usr/local/sbin/" DAEMON)) {
		doctor_add(diagnosis, SEVERITY_OK, "daemon", NULL, NULL,
			   DAEMON " is not installed");
		return;
	}
	if (!device)
		doctor_add(
			diagnosis, SEVERITY_WARNING, "guest-service",
			need_strdup(
				"on the host: Enable-VMIntegrationService -VMName NAME -Name 'Guest Service Interface'"),
			NULL,
			"the host does not offer the file copy device, so Copy-VMFile cannot work; on Azure it never does");
	/* Without our driver, the distribution's daemon may have the device. */
	if (!uio || !check_other_daemons(diagnosis))
		check_daemon(diagnosis, uio);
}

/* Read everything that the checks compare, without messages. */
static void read_all(struct diagnosis *diagnosis)
{
	struct engine *engine = &diagnosis->view.engine;
	struct machine *machine = &engine->machine;

	engine_read(engine);
	lint(&engine->config, machine->handles ? machine : NULL);
	diagnosis->plans = need(calloc(machine->count + 1, sizeof(*diagnosis->plans)));
	diagnosis->devices = need(calloc(machine->count + 1, sizeof(*diagnosis->devices)));
	for (size_t i = 0; i < machine->count; i++) {
		char *fault;

		diagnosis->devices[i] = describe_device(engine, &machine->devices[i], &fault);
		if (fault && !machine->fault)
			machine->fault = fault;
		else
			free(fault);
		engine_plan(engine, &machine->devices[i], &diagnosis->plans[i]);
	}
	diagnosis->release = file_line("/proc/sys/kernel/osrelease");
	if (!diagnosis->release)
		diagnosis->release = need_strdup("");
}

static void free_all(struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->count; i++) {
		free(diagnosis->findings[i].text);
		free(diagnosis->findings[i].fix);
		free(diagnosis->findings[i].see);
	}
	free(diagnosis->findings);
	for (size_t i = 0; i < diagnosis->view.engine.machine.count; i++)
		json_object_put(diagnosis->devices[i]);
	free(diagnosis->devices);
	free(diagnosis->release);
	free(diagnosis->plans);
	view_free(&diagnosis->view);
}

static const char *const names[] = {
	[SEVERITY_OK] = "ok",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_PROBLEM] = "problem",
};

static void print_text(const struct doctor_finding *finding)
{
	static const enum colour colours[] = {
		[SEVERITY_OK] = COLOUR_GOOD,
		[SEVERITY_WARNING] = COLOUR_WARNING,
		[SEVERITY_PROBLEM] = COLOUR_BAD,
	};
	const enum colour colour = colours[finding->severity];

	printf("%s%-7s%s  %s: %s\n", colour_on(stdout, colour), names[finding->severity],
	       colour_off(stdout, colour), finding->check, finding->text);
	if (finding->fix)
		printf("%-7s  fix: %s\n", "", finding->fix);
	if (finding->see)
		printf("%-7s  see: %s\n", "", finding->see);
}

static struct json_object *finding_json(const struct doctor_finding *finding)
{
	struct json_object *o = json_object_new_object();

	json_string(o, "severity", names[finding->severity]);
	json_string(o, "check", finding->check);
	json_string(o, "text", finding->text);
	json_string(o, "fix", finding->fix);
	json_string(o, "see", finding->see);
	return o;
}

/* Print the findings. Return the exit status. */
static int print(const struct diagnosis *diagnosis, bool json, bool quiet)
{
	struct json_object *list = json_object_new_array();
	int status = EXIT_OK;

	for (size_t i = 0; i < diagnosis->count; i++) {
		const struct doctor_finding *finding = &diagnosis->findings[i];

		if (finding->severity >= SEVERITY_WARNING)
			status = EXIT_FINDINGS;
		else if (quiet)
			continue;
		if (json)
			json_object_array_add(list, finding_json(finding));
		else
			print_text(finding);
	}
	if (json)
		json_print(list);
	else
		json_object_put(list);
	return status;
}

static int run(const struct options *options, int count, char **operands)
{
	struct diagnosis diagnosis = { 0 };
	int status;

	read_all(&diagnosis);
	check_vmbus(&diagnosis);
	if (diagnosis.view.engine.machine.handles) {
		doctor_module(&diagnosis);
		doctor_headers(&diagnosis);
		check_devices(&diagnosis);
		check_guest_service(&diagnosis);
	}
	check_configuration(&diagnosis);
	status = print(&diagnosis, options->json, options->quiet);
	free_all(&diagnosis);
	return status;
}
