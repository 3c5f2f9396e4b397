// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl doctor: find what is wrong, and the command that fixes it. */
#include "doctor.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "colour.h"
#include "command.h"
#include "file.h"
#include "json.h"
#include "lint.h"

static int run(int argc, char **argv);

const struct command doctor_command = {
	.name = "doctor",
	.arguments = "[-q] [-j]",
	.summary = "find what is wrong with the machine, and the command that fixes it",
	.help =	"The command changes nothing. The exit status is 7 if there is a problem or a warning.\n"
		"  -q, --quiet     show only problems and warnings\n"
		"  -j, --json      as JSON\n",
	.options = "--quiet --json",
	.takes = "",
	.run = run,
};

static void add(struct diagnosis *diagnosis, enum severity severity, const char *check, char *fix,
		const char *format, va_list args)
{
	struct doctor_finding *finding;

	diagnosis->findings = need(reallocarray(diagnosis->findings, diagnosis->count + 1,
						sizeof(*finding)));
	finding = &diagnosis->findings[diagnosis->count++];
	*finding = (struct doctor_finding){ .severity = severity, .check = check, .fix = fix };
	if (vasprintf(&finding->text, format, args) < 0)
		finding->text = need(NULL);
}

void doctor_report(struct diagnosis *diagnosis, enum severity severity, const char *check,
		   const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(diagnosis, severity, check, NULL, format, args);
	va_end(args);
}

void doctor_complain(struct diagnosis *diagnosis, enum severity severity, const char *check,
		     char *fix, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(diagnosis, severity, check, fix, format, args);
	va_end(args);
}

char *doctor_word(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-+.,:/@%=";
	/* A quote becomes four characters. */
	char *word = need(malloc(4 * strlen(text) + 3)), *end = word;

	if (*text && text[strspn(text, plain)] == '\0')
		return strcpy(word, text);
	*end++ = '\'';
	for (; *text; text++)
		if (*text == '\'')
			end = stpcpy(end, "'\\''");
		else
			*end++ = *text;
	strcpy(end, "'");
	return word;
}

static const char *const names[] = {
	[SEVERITY_OK] = "ok",
	[SEVERITY_NOTE] = "note",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_PROBLEM] = "problem",
};

static void print_text(const struct diagnosis *diagnosis, bool quiet)
{
	static const enum colour colours[] = {
		[SEVERITY_OK] = COLOUR_GOOD,
		[SEVERITY_NOTE] = COLOUR_NONE,
		[SEVERITY_WARNING] = COLOUR_WARNING,
		[SEVERITY_PROBLEM] = COLOUR_BAD,
	};

	for (size_t i = 0; i < diagnosis->count; i++) {
		const struct doctor_finding *finding = &diagnosis->findings[i];
		enum colour colour = colours[finding->severity];

		if (quiet && finding->severity < SEVERITY_WARNING)
			continue;
		printf("%s%-7s%s  %-13s  %s\n", colour_on(stdout, colour), names[finding->severity],
		       colour_off(stdout, colour), finding->check, finding->text);
		if (finding->fix)
			printf("%-7s  %-13s    fix: %s\n", "", "", finding->fix);
	}
}

static void print_json(const struct diagnosis *diagnosis, bool quiet)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < diagnosis->count; i++) {
		const struct doctor_finding *finding = &diagnosis->findings[i];
		struct json_object *o;

		if (quiet && finding->severity < SEVERITY_WARNING)
			continue;
		o = json_object_new_object();
		json_string(o, "severity", names[finding->severity]);
		json_string(o, "check", finding->check);
		json_string(o, "text", finding->text);
		json_string(o, "fix", finding->fix);
		json_object_array_add(list, o);
	}
	json_print(list);
}

static bool has_findings(const struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->count; i++)
		if (diagnosis->findings[i].severity >= SEVERITY_WARNING)
			return true;
	return false;
}

static void look(struct diagnosis *diagnosis)
{
	doctor_vmbus(diagnosis);
	doctor_module(diagnosis);
	doctor_headers(diagnosis);
	doctor_secure_boot(diagnosis);
	doctor_configuration(diagnosis);
	doctor_devices(diagnosis);
	doctor_guest_service(diagnosis);
	doctor_initramfs(diagnosis);
	doctor_driverctl(diagnosis);
}

/* Read everything that the checks compare, without messages. */
static void read_all(struct diagnosis *diagnosis)
{
	struct engine *engine = &diagnosis->view.engine;
	struct machine *machine = &engine->machine;

	engine_read(engine);
	lint(&engine->config, machine->handles ? machine : NULL);
	diagnosis->plans = need(calloc(machine->count + 1, sizeof(*diagnosis->plans)));
	diagnosis->view.details = need(calloc(machine->count + 1,
					      sizeof(*diagnosis->view.details)));
	for (size_t i = 0; i < machine->count; i++) {
		char *fault = details_read(&machine->devices[i], &diagnosis->view.details[i]);

		if (fault && !machine->fault)
			machine->fault = fault;
		else
			free(fault);
		engine_plan(engine, &machine->devices[i], &diagnosis->plans[i]);
	}
}

const struct plan *doctor_plan(const struct diagnosis *diagnosis, const struct device *device)
{
	return &diagnosis->plans[device - diagnosis->view.engine.machine.devices];
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "quiet", no_argument, NULL, 'q' },
		{ "json", no_argument, NULL, 'j' },
		COMMON_OPTIONS
	};
	struct diagnosis diagnosis = { 0 };
	bool quiet = false, json = false;
	struct machine *machine = &diagnosis.view.engine.machine;
	int option, status;

	while ((option = command_option(&doctor_command, argc, argv, "qjhV", options,
					&status)) > 0) {
		if (option == 'q')
			quiet = true;
		else
			json = true;
	}
	if (!option)
		return status;
	status = command_operands(&doctor_command, argc - optind, argv + optind, 0, 0);
	if (status)
		return status;

	read_all(&diagnosis);
	diagnosis.release = file_line("/proc/sys/kernel/osrelease");
	if (!diagnosis.release)
		diagnosis.release = need_strdup("");
	look(&diagnosis);
	if (json)
		print_json(&diagnosis, quiet);
	else
		print_text(&diagnosis, quiet);
	status = has_findings(&diagnosis) ? EXIT_FINDINGS : EXIT_OK;

	for (size_t i = 0; i < diagnosis.count; i++) {
		free(diagnosis.findings[i].text);
		free(diagnosis.findings[i].fix);
	}
	free(diagnosis.findings);
	free(diagnosis.release);
	free(diagnosis.plans);
	for (size_t i = 0; i < machine->count; i++)
		details_free(&diagnosis.view.details[i]);
	free(diagnosis.view.details);
	engine_free(&diagnosis.view.engine);
	return command_end(status);
}
