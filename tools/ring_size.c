// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl ring-size: show or set the ring size of a device. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "change.h"
#include "command.h"
#include "config.h"
#include "describe.h"
#include "rule_file.h"
#include "file.h"
#include "identify.h"
#include "settings.h"

static int run(int argc, char **argv);

const struct command ring_size_command = {
	.name = "ring-size",
	.arguments = "[--now | --boot] ID [SIZE | default]",
	.summary = "show or set the size of one ring of a device",
	.help =	"SIZE is in bytes, or in KiB or MiB with K or M; it includes the header page.\n"
		"Without SIZE the command shows the present size. To set it now, the device must be\n"
		"bound to the module from hyperv-uio-dkms, and no program may have the device open or\n"
		"one of its rings mapped.\n"
		"  --now           now only; no file is written\n"
		"  --boot          only in the rule, which takes effect when vmbus-bind next runs for the\n"
		"                  device\n",
	.options = "--now --boot",
	.takes = "is",
	.run = run,
};

/* Return the size that the driver gives devices of this class, or 0. */
static uint64_t class_size(const struct vdevice *device)
{
	char *text = file_read(NULL, "/sys/bus/vmbus/drivers/uio_hv_generic/ring_size"),
	     *rest = text, *line;
	uint64_t size = 0, other = 0, value;
	char name[64];

	while (text && (line = strsep(&rest, "\n"))) {
		if (sscanf(line, "%63s %" SCNu64, name, &value) != 2)
			continue;
		if (!strcmp(name, device->class_id))
			size = value;
		else if (!strcmp(name, "other"))
			other = value;
	}
	free(text);
	return size ? size : other;
}

static void print_size(const char *name, uint64_t bytes)
{
	char text[SIZE_TEXT];

	if (bytes)
		printf("%-8s%s\n", name, describe_size(bytes, text));
}

static void show(const struct vdevice *device, const struct plan *plan)
{
	print_size("now", device->ring_bytes);
	if (plan_has_rule(plan))
		print_size("rule", plan->rule.settings.ring_size);
	print_size("class", class_size(device));
	if (!device->ring_bytes)
		printf("%s %s%s; only a device that is bound to uio_hv_generic shows its ring size\n",
		       device->instance, device->driver ? "is bound to " : "has no driver",
		       device->driver ? device->driver : "");
}

static int set_now(const struct vdevice *device, const struct plan *plan, const char *size)
{
	int err = settings_write_ring_size(device->handle, size);

	/*
	 * The module has created the ring file again with the kernel's owner
	 * and mode, so apply those of the rule.
	 */
	if (!err && plan_has_rule(plan) && plan->rule.enable) {
		struct rule rule = plan->rule;

		rule.settings.ring_size = 0;
		err = settings_apply(device->handle, &rule, 0);
	}
	/* settings.c has reported any other error. */
	if (err == -ENODEV)
		complain("%s: the host has rescinded it", device->instance);
	return err ? EXIT_FAILED : 0;
}

static int set_in_rule(const struct vdevice *device, const struct plan *plan, uint64_t size)
{
	const struct plan *after;
	struct rule_file file;
	struct rules *rules;
	char text[24];
	int status;

	if (!plan_has_rule(plan) || !plan->rule.enable) {
		complain(
			"no rule binds %s, and a rule that has only a size would bind it; run 'vmbusctl "
			"bind %s' first, or set the size with --now",
			device->instance, device->instance);
		return EXIT_FAILED;
	}
	status = rule_file_open(&file, device->instance);
	if (status)
		goto out;
	snprintf(text, sizeof(text), "%" PRIu64, size);
	rule_file_set(&file, "ring_size", size ? text : NULL);
	if (!size && !file.before)
		goto out;
	/*
	 * A section without a key would still bind the device if the other rule
	 * goes.
	 */
	if (!size && rule_file_is_bare(&file) && change_has_other_rule(device, file.path))
		rule_file_clear(&file);
	status = rule_file_write(&file);
	if (status)
		goto out;
	rules = rules_read();
	after = rules_plan(rules, device);
	if (!after || after->rule.settings.ring_size != size) {
		complain(
			"another file sets the ring size of %s, and takes precedence over %s (see "
			"'vmbusctl rules %s')",
			device->instance, file.path, device->instance);
		rule_file_restore(&file);
		status = EXIT_FAILED;
	} else {
		printf("%s: %s\n", rule_file_has_section(&file) ? "rule" : "removed", file.path);
	}
	rules_free(rules);
out:
	rule_file_free(&file);
	return status;
}

static int set(const struct vdevice *device, const struct plan *plan, const char *size_text,
	       bool now, bool boot)
{
	char text[24] = "default";
	uint64_t size = 0;
	int status = 0;

	if (strcmp(size_text, "default") && !config_parse_size(size_text, &size)) {
		complain(
			"a ring size must be a multiple of %d bytes, more than 0 and less than "
			"4096M, such as 64K or 1M, or 'default', not '%s'",
			getpagesize(), size_text);
		return EXIT_USAGE;
	}
	if (size)
		snprintf(text, sizeof(text), "%" PRIu64, size);
	if (now)
		status = set_now(device, plan, text);
	if (!status && boot)
		status = set_in_rule(device, plan, size);
	else if (boot)
		complain("%s: its rule has not been changed", device->instance);
	return status;
}

static int run(int argc, char **argv)
{
	enum { OPT_NOW = 256, OPT_BOOT };
	static const struct option options[] = {
		{ "now", no_argument, NULL, OPT_NOW },
		{ "boot", no_argument, NULL, OPT_BOOT },
		COMMON_OPTIONS
	};
	bool now = false, boot = false;
	struct vdevice *device;
	struct machine machine;
	struct rules *rules;
	int option, status;

	while ((option = command_option(&ring_size_command, argc, argv, "hV", options,
					&status)) > 0) {
		if (option == OPT_NOW)
			now = true;
		else
			boot = true;
	}
	if (!option)
		return status;
	if (now && boot)
		return command_misused(&ring_size_command, "--now and --boot exclude each other");
	status = command_operands(&ring_size_command, argc - optind, argv + optind,
				  now || boot ? 2 : 1, 2);
	if (status)
		return status;
	status = machine_read(&machine);
	if (status)
		return status;
	rules = rules_read();
	status = identify(&machine, argv[optind], &device);
	if (!status && argc - optind == 1)
		show(device, rules_plan(rules, device));
	else if (!status)
		status = set(device, rules_plan(rules, device), argv[optind + 1], !boot, !now);
	rules_free(rules);
	machine_free(&machine);
	return command_end(status);
}
