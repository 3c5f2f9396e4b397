// SPDX-License-Identifier: GPL-2.0-only
#include "change.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bind.h"
#include "command.h"
#include "driverctl.h"
#include "rule_file.h"
#include "file.h"
#include "identify.h"
#include "kernel.h"
#include "log.h"

/*
 * The files that name a device: the file of vmbusctl, and the entry of
 * driverctl
 */
struct files {
	struct rule_file rule_file;
	char *entry;	/* path of the entry of driverctl */
	char *entry_text;	/* its former content; NULL: there was none */
};

static int files_open(struct files *files, const struct vdevice *device)
{
	*files = (struct files){ .entry = need(driverctl_path(device->instance)) };
	files->entry_text = file_read(NULL, "%s", files->entry + strlen(vmbus_sysroot()));
	return rule_file_open(&files->rule_file, device->instance);
}

static void files_close(struct files *files)
{
	rule_file_free(&files->rule_file);
	free(files->entry);
	free(files->entry_text);
}

/*
 * Write the file of vmbusctl, and remove the entry of driverctl, so that the
 * two never disagree.
 */
static int files_write(const struct files *files)
{
	int status = rule_file_write(&files->rule_file);

	if (status || !files->entry_text)
		return status;
	if (unlink(files->entry) && errno != ENOENT) {
		complain("%s cannot be removed: %s", files->entry, strerror(errno));
		rule_file_restore(&files->rule_file);
		return EXIT_FAILED;
	}
	return 0;
}

static void files_restore(const struct files *files)
{
	FILE *entry;

	rule_file_restore(&files->rule_file);
	if (!files->entry_text)
		return;
	entry = fopen(files->entry, "we");
	if (!entry || fputs(files->entry_text, entry) < 0 || fclose(entry))
		complain("%s cannot be restored: %s", files->entry, strerror(errno));
}

/*
 * Return a new string: which file holds the rule now. @other is the place of a
 * rule that the file disables for this device, or NULL.
 */
static char *files_text(const struct files *files, const struct place *other)
{
	const char *path = files->rule_file.path;
	const bool has_rule = rule_file_has_section(&files->rule_file);
	char *text, *more;

	if (other)
		text = need_printf("; disabled in %s, because %s:%u names the device", path,
				   other->file ? other->file : "?", other->line);
	else
		text = need_printf("%s%s", has_rule ? "; rule: " :
					   files->rule_file.before ? "; removed: " : "",
				   has_rule || files->rule_file.before ? path : "");
	if (!files->entry_text)
		return text;
	more = need_printf("%s; %s: %s", text,
			   !other && has_rule ? "moved from driverctl" : "removed", files->entry);
	free(text);
	return more;
}

static const char *name_of(const struct vdevice *device)
{
	return device_text(device->instance, device->class_name, device->class_id);
}

/*
 * Add a section for the device to the configuration in memory. It takes
 * precedence over all others.
 */
static void add_section(struct config *config, const struct vdevice *device, const char *driver,
			bool force)
{
	struct section *section;

	config->sections =
		need(reallocarray(config->sections, config->count + 1, sizeof(*section)));
	section = &config->sections[config->count++];
	*section = (struct section){
		.name.kind = NAME_GUID,
		.at = { "vmbusctl", 1 },
		.enable = YES,
		.force = force ? YES : NO,
		.settings.mode = -1,
	};
	memcpy(section->name.text, device->instance, VMBUS_GUID_SIZE);
	snprintf(section->driver, sizeof(section->driver), "%s", driver);
}

/* Make a plan for the device. Return false if the engine does not see it. */
static bool make_plan(struct rules *rules, const struct vdevice *device, bool force,
		      struct plan *plan)
{
	int at = facts_device(&rules->facts, device->instance);

	if (at < 0) {
		complain("%s: the host has rescinded it", name_of(device));
		return false;
	}
	plan_make(&rules->config, &rules->facts.devices[at],
		  (struct plan_options){ .is_named = true, .force = force }, plan);
	return true;
}

/* Print each fault of a file. */
static void print_faults(const struct config *config, const char *file)
{
	for (size_t i = 0; i < config->finding_count; i++) {
		const struct finding *finding = &config->findings[i];

		if (finding->is_fault && file && finding->at.file &&
		    !strcmp(finding->at.file, file))
			rules_complain_of(finding);
	}
}

/* Return whether a plan is refused because an interface is up. */
static bool is_only_up(const struct rules *rules, const struct vdevice *device)
{
	int at = facts_device(&rules->facts, device->instance);

	return at >= 0 && rules->facts.devices[at].stack.up[0];
}

/*
 * Return 0 if the plan is to bind the device. Otherwise print the reason and
 * return an exit status.
 */
static int judge(const struct rules *rules, const struct plan *plan, const struct vdevice *device,
		 enum change_when when)
{
	switch (plan->outcome) {
	case PLAN_BIND:
	case PLAN_BOUND:
		return 0;
	case PLAN_REFUSED:
		/* The next boot finds the interface down. */
		if (when == CHANGE_BOOT && is_only_up(rules, device))
			return 0;
		complain("%s: not bound to %s: %s; --force overrides this", name_of(device),
			 plan->rule.driver, plan->reason);
		if (when != CHANGE_NOW)
			complain("--force writes force=yes, which applies at each boot; "
				 "'vmbusctl bind --now --force' binds it once");
		return EXIT_REFUSED;
	case PLAN_FAULTY:
		complain("%s: left alone: %s", name_of(device), plan->reason);
		print_faults(&rules->config, plan->at.file);
		return EXIT_USAGE;
	case PLAN_WAITS:
		complain("%s: not bound to %s: %s", name_of(device), plan->rule.driver,
			 plan->reason);
		return EXIT_REFUSED;
	default:
		complain("%s: not bound: %s:%u takes precedence: %s", name_of(device),
			 plan->at.file ? plan->at.file : "?", plan->at.line, plan->reason);
		return EXIT_FAILED;
	}
}

/*
 * Return the driver for a device: the requested one, that of its rule, or
 * uio_hv_generic.
 */
static char *choose_driver(const char *asked, const struct plan *plan)
{
	if (asked)
		return need_strdup(asked);
	return need_strdup(plan_has_rule(plan) && plan->rule.driver[0] ? plan->rule.driver :
									 UIO_DRIVER);
}

static int check_driver(const char *driver)
{
	if (config_is_driver(driver) && strcmp(driver, "none"))
		return 0;
	if (!strcmp(driver, "none"))
		complain(
			"a device cannot be kept without a driver; 'vmbusctl unbind' lets the "
			"kernel choose one");
	else
		complain("'%s' is not the name of a driver", driver);
	return EXIT_USAGE;
}

/*
 * Report the result of holding a device, or of ending that. Return an exit
 * status.
 */
static int noted(const struct vdevice *device, int err)
{
	if (err)
		complain("%s/run/hyperv-uio/held/%s: %s", vmbus_sysroot(), device->instance,
			 strerror(-err));
	return err ? EXIT_FAILED : 0;
}

/*
 * Bind the device unless it is for the next boot, and return an exit status.
 * device_bind() reports an error; *result says what was done.
 */
static int carry_out(const struct section *extra, const struct vdevice *device, bool force,
		     enum change_when when, char result[RESULT_SIZE])
{
	const struct bind_options options = {
		.plan = { .is_named = true, .force = force }, .result = result,
	};
	int err;

	strcpy(result, when == CHANGE_BOOT ? "bound at the next boot" : "");
	err = when == CHANGE_BOOT ? 0 : device_bind(extra, device->handle, &options);

	if (err == -ENODEV)
		complain("%s: the host has rescinded it", name_of(device));
	return err ? EXIT_FAILED : 0;
}

/* Write the rule, check that no other file overrides it, and carry it out. */
static int bind_persistently(const struct vdevice *device, const char *driver, bool force,
			     enum change_when when)
{
	/*
	 * vmbus-bind.path may run vmbus-bind as soon as a file changes, so hold
	 * the device first.
	 */
	const bool new_hold = when == CHANGE_BOOT && !note_is_held(device->instance);
	struct rules *rules = NULL;
	char result[RESULT_SIZE], *text;
	struct files files;
	bool is_bound = false;
	struct plan plan;
	int status;

	status = files_open(&files, device);
	if (status)
		goto out;
	rule_file_set(&files.rule_file, "enable", NULL);
	rule_file_set(&files.rule_file, "force", force ? "yes" : NULL);
	rule_file_set(&files.rule_file, "driver", driver);
	if (new_hold)
		status = noted(device, note_hold(device->instance));
	if (status)
		goto out;
	status = files_write(&files);
	if (status)
		goto err_hold;
	rules = rules_read();
	status = make_plan(rules, device, force, &plan) ?
			 judge(rules, &plan, device, when) : EXIT_FAILED;
	if (!status && strcmp(plan.rule.driver, driver)) {
		complain("%s:%u takes precedence over %s, and names the driver %s",
			 plan.at.file ? plan.at.file : "?", plan.at.line, files.rule_file.path,
			 plan.rule.driver);
		status = EXIT_FAILED;
	}
	if (!status) {
		status = carry_out(NULL, device, force, when, result);
		/*
		 * The device is bound, and only a setting failed. The rule
		 * stays, as the device does.
		 */
		is_bound = when == CHANGE_BOTH &&
			   (!status || (!vmbus_device_refresh(device->handle) &&
					device_has_driver(device->handle, driver)));
	}
	if (status && !is_bound) {
		files_restore(&files);
		goto err_hold;
	}
	text = files_text(&files, NULL);
	printf("%s: %s%s\n", name_of(device), result, text);
	free(text);
	if (is_bound && noted(device, note_end_hold(device->instance)))
		status = EXIT_FAILED;
	goto out;

err_hold:
	if (new_hold)
		noted(device, note_end_hold(device->instance));
out:
	if (rules)
		rules_free(rules);
	files_close(&files);
	return status;
}

int change_bind(const char *id, const char *asked, bool force, enum change_when when)
{
	struct vdevice *device;
	struct machine machine;
	struct rules *rules;
	struct plan plan;
	char result[RESULT_SIZE], *driver = NULL;
	int status;

	if (asked) {
		status = check_driver(asked);
		if (status)
			return status;
	}
	status = machine_read(&machine);
	if (status)
		return status;
	rules = rules_read();
	status = identify(&machine, id, &device);
	if (!status)
		device_set_text(device->instance, id);
	if (!status && !make_plan(rules, device, force, &plan))
		status = EXIT_NO_DEVICE;
	if (status)
		goto out;
	driver = choose_driver(asked, &plan);
	add_section(&rules->config, device, driver, force);
	make_plan(rules, device, force, &plan);
	status = judge(rules, &plan, device, when);
	if (status)
		goto out;
	if (when == CHANGE_NOW) {
		status = carry_out(&rules->config.sections[rules->config.count - 1], device, force,
				   when, result);
		if (!status)
			printf("%s: %s\n", name_of(device), result);
		if (!status)
			status = noted(device, note_end_hold(device->instance));
	} else {
		status = bind_persistently(device, driver, force, when);
	}
out:
	free(driver);
	rules_free(rules);
	machine_free(&machine);
	return status;
}

/* Remove a file from a configuration in memory. */
static void forget_file(struct config *config, const char *path)
{
	for (size_t i = 0; i < config->count; i++) {
		const char *file = config->sections[i].at.file;

		if (file && !strcmp(file, path))
			config->sections[i].name.text[0] = '\0';
	}
}

/* Return whether the rule of a plan binds the device. */
static bool binds(const struct plan *plan)
{
	return plan->rule.scope != SCOPE_NONE && plan->rule.enable;
}

bool change_has_other_rule(const struct vdevice *device, const char *path)
{
	struct rules *rules = rules_read();
	struct plan plan;
	bool found;

	forget_file(&rules->config, path);
	found = make_plan(rules, device, false, &plan) && binds(&plan);
	rules_free(rules);
	return found;
}

/*
 * Remove the configuration of this device alone, and disable the device if
 * another file names it. *text is a new string that says so.
 */
static int unbind_persistently(struct rules *rules, const struct vdevice *device, char **text)
{
	struct files files;
	struct plan plan;
	int status;

	status = files_open(&files, device);
	if (status)
		goto out;
	forget_file(&rules->config, files.rule_file.path);
	forget_file(&rules->config, files.entry);
	if (!make_plan(rules, device, false, &plan)) {
		status = EXIT_FAILED;
		goto out;
	}
	rule_file_clear(&files.rule_file);
	if (binds(&plan))
		rule_file_set(&files.rule_file, "enable", "no");
	status = files_write(&files);
	if (!status)
		*text = files_text(&files, binds(&plan) ? &plan.at : NULL);
out:
	files_close(&files);
	return status;
}

/*
 * Release the device now. @is_wanted: a rule still wants it. @is_ruled: a rule
 * named its driver.
 */
static int release(struct rules *rules, const struct vdevice *device, bool is_wanted,
		   bool is_ruled, char result[RESULT_SIZE])
{
	const struct release_options options = {
		.is_named = true, .hold = is_wanted, .result = result,
	};
	char override[DRIVER_NAME_MAX + 1] = "";
	struct section *section;
	int err;

	if (!device->driver) {
		strcpy(result, "has no driver");
		return 0;
	}
	err = vmbus_device_attribute(device->handle, "driver_override", override, sizeof(override));
	if (!err && !strcmp(override, "(null)"))
		override[0] = '\0';
	/*
	 * Somebody has bound the device by hand, through new_id.
	 * device_release() releases only a device whose override names the
	 * driver, so set the override.
	 */
	if (!err && !override[0] && device->uio) {
		snprintf(override, sizeof(override), "%s", device->driver);
		err = kernel_write(override, "%s/driver_override",
				   vmbus_device_sysfs(device->handle));
		if (err) {
			complain("%s: driver_override cannot be set: %s", name_of(device),
				 strerror(-err));
			return EXIT_FAILED;
		}
	}
	add_section(&rules->config, device, override[0] ? override : device->driver, false);
	section = &rules->config.sections[rules->config.count - 1];
	section->enable = NO;
	/*
	 * A kernel without driver_override does not tell who bound the device.
	 * It was a rule, or somebody who gave it to UIO, or the kernel.
	 */
	if (!override[0] && (!err || (err == -ENOENT && !is_ruled &&
				      strcmp(device->driver, UIO_DRIVER)))) {
		snprintf(result, RESULT_SIZE, "bound to %s, which the kernel chose",
			 device->driver);
		return 0;
	}
	err = device_release(&rules->config, device->handle, &options);
	if (err == -ENODEV)
		complain("%s: the host has rescinded it", name_of(device));
	return err ? EXIT_FAILED : 0;
}

/*
 * Return whether the next boot carries out the rule of a plan. It finds the
 * interfaces of NICs down.
 */
static bool binds_at_boot(const struct plan *plan, const struct vdevice *device)
{
	return plan->outcome != PLAN_FAULTY &&
	       (plan->rule.force || device_is_nic(device->handle) ||
		!config_is_guarded(device->class_name));
}

int change_unbind(const char *id, enum change_when when)
{
	const struct plan *plan;
	struct vdevice *device;
	struct machine machine;
	struct rules *rules;
	char result[RESULT_SIZE] = "released at the next boot", *text = NULL;
	bool is_wanted, is_ruled;
	int status;

	status = machine_read(&machine);
	if (status)
		return status;
	rules = rules_read();
	status = identify(&machine, id, &device);
	if (status)
		goto out;
	device_set_text(device->instance, id);
	plan = rules_plan(rules, device);
	is_wanted = when == CHANGE_NOW && plan_has_rule(plan) &&
		    plan->outcome != PLAN_DISABLED;
	is_ruled = plan_has_rule(plan) && device->driver &&
		   !strcmp(plan->rule.driver, device->driver);
	if (is_wanted && plan->at.file && binds_at_boot(plan, device))
		text = need_printf("; %s binds it again at the next boot", plan->at.file);
	/*
	 * The device no longer waits for the next boot, because its rule is
	 * removed. --now changes neither.
	 */
	if (when != CHANGE_NOW) {
		status = unbind_persistently(rules, device, &text);
		if (!status)
			status = noted(device, note_end_hold(device->instance));
	}
	if (!status && when != CHANGE_BOOT)
		status = release(rules, device, is_wanted, is_ruled, result);
	if (!status)
		printf("%s: %s%s\n", name_of(device), result, text ? text : "");
	else if (text && when != CHANGE_NOW)
		complain("%s: its rule has been changed nevertheless%s", name_of(device), text);
	free(text);
out:
	rules_free(rules);
	machine_free(&machine);
	return status;
}
