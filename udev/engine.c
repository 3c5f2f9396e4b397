// SPDX-License-Identifier: GPL-2.0-only
#include "engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bind.h"
#include "file.h"
#include "log.h"
#include "rule_file.h"
#include "run.h"
#include "settings.h"

int engine_read(struct engine *engine)
{
	config_load(&engine->config);
	return machine_read(&engine->machine);
}

void engine_free(struct engine *engine)
{
	config_free(&engine->config);
	machine_free(&engine->machine);
}

void engine_plan(const struct engine *engine, struct device *device, struct plan *plan)
{
	plan_make(&engine->config, device, &(struct request){ 0 }, plan);
}

void engine_print_findings(const struct config *config, const char *file, bool with_warnings)
{
	for (size_t i = 0; i < config->finding_count; i++) {
		const struct finding *finding = &config->findings[i];
		char *place;

		if (!(finding->is_fault || with_warnings) ||
		    (file && strcmp(finding->at.file, file)))
			continue;
		place = place_format(&finding->at);
		msg(finding->is_fault ? LOG_ERR : LOG_WARNING, "%s: %s%s", place,
		    finding->is_fault ? "" : "warning: ", finding->text);
		free(place);
	}
}

/* Print what was done. After an event log it, because udev shows no output. */
static void say(const struct device *device, const char *done, const char *more)
{
	if (log_to_syslog)
		msg(LOG_NOTICE, "%s: %s%s", device_text(device), done, more);
	else
		printf("%s: %s%s\n", device_text(device), done, more);
}

static enum engine_result gone(const struct device *device)
{
	msg(LOG_INFO, "%s: the host has rescinded it", device_text(device));
	return ENGINE_GONE;
}

static void reread_rules(struct engine *engine)
{
	config_free(&engine->config);
	config_load(&engine->config);
}

/* Read the device and the rules again, below the lock. */
static enum engine_result reread(struct engine *engine, struct device *device)
{
	int err = device_reread(device);

	if (err == -ENODEV)
		return gone(device);
	if (err) {
		msg(LOG_ERR, "%s: it cannot be read: %s", device_text(device), strerror(-err));
		return ENGINE_FAILED;
	}
	reread_rules(engine);
	return ENGINE_DONE;
}

/*
 * Return a new string that says what has become of the file of vmbusctl and the
 * entry of driverctl. @other is the place of a rule that the file disables for
 * this device, or NULL.
 */
static char *file_text(const struct rule_file *file, const struct place *other)
{
	const bool has_rule = !other && rule_file_has_section(file);
	char *text, *more;

	if (other)
		text = need_printf("; disabled in %s, because %s:%u names the device", file->path,
				   other->file, other->line);
	else if (has_rule || file->before)
		text = need_printf("; %s: %s", has_rule ? "rule" : "removed", file->path);
	else
		text = need_strdup("");
	if (!file->entry_before)
		return text;
	more = need_printf("%s; %s: %s", text, has_rule ? "moved from driverctl" : "removed",
			   file->entry);
	free(text);
	return more;
}

/*
 * Read what other files than these two say about a device: remove its own
 * sections from the configuration in memory. The readable parts of faulty files
 * count, because somebody may repair them.
 */
static void read_other_rule(struct engine *engine, const struct device *device,
			    const struct rule_file *own, struct rule *rule)
{
	struct config *config = &engine->config;

	for (size_t i = 0; i < config->count; i++) {
		struct section *section = &config->sections[i];
		const char *file = section->rule.at.file;

		/* The section of a command has no file. */
		if (!strcmp(section->name.text, device->instance) &&
		    (!file || !strcmp(file, own->path) || !strcmp(file, own->entry)))
			section->name.text[0] = '\0';
	}
	config_rule(config, device, true, rule);
}

/* Hold a device, or end its hold. */
static enum engine_result set_hold(const struct device *device, bool on)
{
	int err = note_set_hold(device->instance, on);

	if (!err)
		return ENGINE_DONE;
	msg(LOG_ERR, "%s: it cannot be %s in /run/hyperv-uio/held: %s", device_text(device),
	    on ? "held" : "released", strerror(-err));
	return ENGINE_FAILED;
}

/* A device that is about to be bound */
struct binding {
	struct engine *engine;
	struct device *device;
	const struct request *request;
	const char *driver; /* of a command, or NULL */
	struct plan plan;
};

static void make_plan(struct binding *b)
{
	plan_make(&b->engine->config, b->device, b->request, &b->plan);
}

/*
 * Add the section of a command to the configuration in memory. It takes
 * precedence over all others.
 */
static void add_section(struct binding *b)
{
	const struct place at = { .line = 1 }; /* of no file */
	struct section *section =
		config_add_section(&b->engine->config, NAME_GUID, b->device->instance, at);

	config_set(section, KEY_ENABLE, "yes", at);
	config_set(section, KEY_FORCE, b->request->force ? "yes" : "no", at);
	config_set(section, KEY_DRIVER, b->driver, at);
}

/* Return " (FILE:LINE)" for the line that decides, or "". */
static const char *place_text(const struct plan *plan)
{
	static char text[512];

	text[0] = '\0';
	if (plan->at.file)
		snprintf(text, sizeof(text), " (%s:%u)", plan->at.file, plan->at.line);
	return text;
}

/*
 * If the rules leave the device alone although one of them wants it, log why.
 * Return ENGINE_DONE unless that is an error.
 */
static enum engine_result judge_rule(const struct binding *b)
{
	const struct device *device = b->device;
	const struct plan *plan = &b->plan;
	/* hv_netvsc may be about to make the interface, whose event decides. */
	const bool is_early = b->request->event && device_is_nic(device) && !device->has_interface;

	if (plan->outcome == PLAN_WAITS || (is_early && plan->outcome == PLAN_REFUSED)) {
		msg(LOG_INFO, "%s: left alone: %s", device_text(device), plan->reason);
	} else if (plan->outcome == PLAN_FAULTY) {
		msg(LOG_ERR, "%s: left alone: %s%s", device_text(device), plan->reason,
		    place_text(plan));
		return ENGINE_FAULTY;
	} else if (plan->outcome == PLAN_REFUSED) {
		msg(LOG_ERR, "%s: not bound to %s: %s%s", device_text(device), plan->rule.driver,
		    plan->reason, place_text(plan));
		return ENGINE_REFUSED;
	}
	return ENGINE_DONE;
}

/* Print the faults of the file that keep a command from the device. */
static enum engine_result report_faulty(const struct engine *engine, const struct device *device,
					const struct plan *plan)
{
	msg(LOG_ERR, "%s: left alone: %s", device_text(device), plan->reason);
	engine_print_findings(&engine->config, plan->at.file, false);
	return ENGINE_FAULTY;
}

/* Return ENGINE_DONE if a command binds the device. Otherwise log why not. */
static enum engine_result judge_command(const struct binding *b)
{
	const struct device *device = b->device;
	const struct plan *plan = &b->plan;
	const struct place *driver_at = &plan->rule.key_at[KEY_DRIVER];

	switch (plan->outcome) {
	case PLAN_BIND:
	case PLAN_BOUND:
		if (!strcmp(plan->rule.driver, b->driver))
			return ENGINE_DONE;
		msg(LOG_ERR, "%s: not bound to %s: %s:%u takes precedence, and names the driver %s",
		    device_text(device), b->driver, driver_at->file, driver_at->line,
		    plan->rule.driver);
		return ENGINE_FAILED;
	case PLAN_REFUSED:
		/* The next boot finds the interface of a NIC here, and down. */
		if (b->request->when == CHANGE_BOOT && device_is_nic(device))
			return ENGINE_DONE;
		msg(LOG_ERR, "%s: not bound to %s: %s; --force overrides this", device_text(device),
		    plan->rule.driver, plan->reason);
		if (b->request->when != CHANGE_NOW)
			msg(LOG_ERR,
			    "--force writes force=yes, which applies at each boot; 'vmbusctl bind --now --force' binds it once");
		return ENGINE_REFUSED;
	case PLAN_FAULTY:
		return report_faulty(b->engine, device, plan);
	case PLAN_WAITS:
		msg(LOG_ERR, "%s: not bound to %s: %s", device_text(device), plan->rule.driver,
		    plan->reason);
		return ENGINE_REFUSED;
	default:
		msg(LOG_ERR, "%s: not bound: %s:%u takes precedence: %s", device_text(device),
		    plan->at.file ? plan->at.file : "?", plan->at.line, plan->reason);
		return ENGINE_FAILED;
	}
}

static enum engine_result judge(const struct binding *b)
{
	return b->driver ? judge_command(b) : judge_rule(b);
}

/*
 * Bind the device, and apply the settings of its rule. *done says what was
 * done; it is NULL if the device is not bound.
 */
static enum engine_result act(struct binding *b, char **done)
{
	const struct rule *rule = &b->plan.rule;
	int err = 0;

	if (b->plan.outcome == PLAN_BIND)
		err = bind_carry_out(b->device, &b->plan, done);
	else
		*done = need_printf("already bound to %s", rule->driver);
	if (!err)
		err = settings_apply(b->device, rule, 0);
	if (err == -ENODEV) {
		free(*done);
		*done = NULL;
		return gone(b->device);
	}
	return err ? ENGINE_FAILED : ENGINE_DONE;
}

/* Carry the decision out. The device and the rules have just been read. */
static enum engine_result carry_out(struct binding *b, char **done)
{
	const struct request *request = b->request;
	enum engine_result result;

	make_plan(b);
	/*
	 * After a new offer the note is stale, even if hv_netvsc has made an
	 * interface already. bind_carry_out() writes a new note.
	 */
	if (request->event && !request->new_interface && device_may_have_interface(b->device))
		note_remove(b->device->instance);
	result = judge(b);
	if (result || (!b->driver && b->plan.outcome != PLAN_BIND && b->plan.outcome != PLAN_BOUND))
		return result;
	if (request->when == CHANGE_BOOT) {
		result = set_hold(b->device, b->plan.outcome != PLAN_BOUND);
		if (!result)
			*done = need_strdup("bound at the next boot");
		return result;
	}
	result = act(b, done);
	if (b->plan.outcome == PLAN_REFUSED)
		return judge(b);
	/* The device is bound, even if a setting of its rule failed. */
	if (*done && set_hold(b->device, false) && !result)
		result = ENGINE_FAILED;
	return result;
}

/* Bind a device without a change of the rules. The caller holds the lock. */
static enum engine_result bind_now(struct binding *b)
{
	enum engine_result result = reread(b->engine, b->device);
	char *done = NULL;

	/*
	 * If a driver refuses the NIC, hv_netvsc makes a new interface. Without
	 * this condition, the event of that interface would lead to the next
	 * attempt. An interface behind a PCI Express bridge decides nothing
	 * about the bridge.
	 */
	if (result || (b->request->new_interface &&
		       (!device_is_nic(b->device) || note_exists(b->device->instance))))
		return result;
	if (b->driver)
		add_section(b);
	result = carry_out(b, &done);
	if (done && (b->driver || b->plan.outcome == PLAN_BIND))
		say(b->device, done, "");
	free(done);
	return result;
}

/*
 * Write a rule that binds the device, and carry it out. If the device is bound,
 * and only a setting failed, the rule stays. The caller holds the lock.
 */
static enum engine_result bind_persistently(struct binding *b)
{
	enum engine_result result = ENGINE_FAILED;
	char *done = NULL, *text;
	struct rule_file file;
	struct rule other;

	if (rule_file_open(&file, b->device->instance, true))
		goto out;
	read_other_rule(b->engine, b->device, &file, &other);
	rule_file_set(&file, "enable", other.enable ? NULL : "yes");
	if (b->request->force)
		rule_file_set(&file, "force", "yes");
	rule_file_set(&file, "driver", b->driver);
	if (rule_file_write(&file))
		goto out;
	result = reread(b->engine, b->device);
	if (!result)
		result = carry_out(b, &done);
	if (!done) {
		rule_file_restore(&file);
		goto out;
	}
	text = file_text(&file, NULL);
	say(b->device, done, text);
	free(text);
out:
	free(done);
	rule_file_free(&file);
	return result;
}

enum engine_result engine_bind(struct engine *engine, struct device *device,
			       const struct request *request)
{
	struct binding b = { .engine = engine, .device = device, .request = request };
	char driver[DRIVER_NAME_MAX + 1];
	enum engine_result result;
	int lock;

	make_plan(&b);
	if (request->is_command) {
		/* Without a rule, the driver of the plan is uio_hv_generic. */
		strcpy(driver, request->driver ? request->driver : b.plan.rule.driver);
		b.driver = driver;
		add_section(&b);
		make_plan(&b);
		result = judge_command(&b);
		if (result)
			return result;
	} else if (b.plan.outcome == PLAN_NO_RULE || b.plan.outcome == PLAN_DISABLED) {
		return ENGINE_DONE;
	}
	lock = lock_take("device", device->instance);
	if (lock < 0)
		return ENGINE_FAILED;
	if (request->is_command && request->when != CHANGE_NOW)
		result = bind_persistently(&b);
	else
		result = bind_now(&b);
	close(lock);
	return result;
}

/*
 * Remove the configuration of this device alone, and disable the device if
 * another file names it. *text is a new string that says so.
 */
static enum engine_result remove_rule(struct engine *engine, struct device *device, char **text)
{
	enum engine_result result = ENGINE_FAILED;
	struct rule_file file;
	struct rule other;
	bool has_other;

	if (rule_file_open(&file, device->instance, true))
		goto out;
	read_other_rule(engine, device, &file, &other);
	has_other = other.scope != SCOPE_NONE && other.enable;
	rule_file_clear(&file);
	if (has_other)
		rule_file_set(&file, "enable", "no");
	if (rule_file_write(&file))
		goto out;
	*text = file_text(&file, has_other ? &other.at : NULL);
	/* A file that is read later may take precedence. */
	reread_rules(engine);
	config_rule(&engine->config, device, true, &other);
	if (other.scope != SCOPE_NONE && other.enable) {
		msg(LOG_ERR, "%s: not released: %s:%u takes precedence: enable=yes",
		    device_text(device), other.key_at[KEY_ENABLE].file,
		    other.key_at[KEY_ENABLE].line);
		rule_file_restore(&file);
		goto out;
	}
	/* The device no longer waits for the next boot. */
	result = set_hold(device, false);
out:
	rule_file_free(&file);
	return result;
}

/* A device that is about to be released */
struct release {
	struct device *device;
	const struct request *request;
	struct plan plan;
	struct rule rule; /* with the readable parts of faulty files */
	char override[DRIVER_NAME_MAX + 1];
};

/*
 * Return the driver from which the device is released, or NULL if there is
 * nothing to do.
 */
static const char *driver_to_release(const struct release *r)
{
	const char *driver = device_driver(r->device);

	if (!r->request->is_command) {
		/* Without an override, the kernel has chosen the driver. */
		return !strcmp(r->override, r->rule.driver) ? r->rule.driver : NULL;
	}
	/* An override keeps other drivers away even if none has the device. */
	if (r->override[0])
		return r->override;
	/* Somebody has bound the device by hand, through new_id. */
	return r->device->handle->uio ? driver : NULL;
}

/*
 * Hold a device that is released only now, if a rule still wants it. Return
 * whether the device needs a hold.
 */
static bool hold_released(const struct release *r)
{
	const struct device *device = r->device;

	if (!r->request->is_named || r->request->when != CHANGE_NOW ||
	    r->plan.outcome == PLAN_NO_RULE || r->plan.outcome == PLAN_DISABLED)
		return false;
	if (note_set_hold(device->instance, true))
		msg(LOG_WARNING,
		    "%s: it cannot be held in /run, so a change of the rules may bind it",
		    device_text(device));
	return true;
}

/*
 * Release the device. If that fails, end its hold, unless the device was held
 * before.
 */
static enum engine_result release_now(struct release *r, const char *driver, bool is_new_hold,
				      char **done)
{
	struct device *device = r->device;
	char *name = need_strdup(driver);
	int err;

	/*
	 * With a note, the event of the new interface does not bind the NIC
	 * again. If driverctl has bound the NIC, there is no note yet.
	 */
	if (device_is_nic(device) && !note_exists(device->instance) && note_write(device))
		msg(LOG_WARNING,
		    "%s: it cannot be noted in /run, so its interface may bind it again",
		    device_text(device));
	err = bind_release(device, name, done);
	free(name);
	if (err && is_new_hold)
		note_set_hold(device->instance, false);
	if (err == -ENODEV)
		return gone(device);
	return err ? ENGINE_FAILED : ENGINE_DONE;
}

/*
 * Return whether the next boot carries out the rule of a plan. The interfaces
 * of NICs are down then.
 */
static bool binds_at_boot(const struct plan *plan, const struct device *device)
{
	return plan->at.file && plan->outcome != PLAN_DISABLED && plan->outcome != PLAN_FAULTY &&
	       (plan->rule.force || device_is_nic(device) ||
		!config_is_guarded(device->class_name));
}

/*
 * Release the device, and change the rules if a command says so. The caller
 * holds the lock.
 */
static enum engine_result carry_out_release(struct engine *engine, struct release *r)
{
	const bool is_command = r->request->is_command;
	enum engine_result result = ENGINE_DONE;
	const char *driver = driver_to_release(r);
	char *done = NULL, *text = NULL;
	bool is_new_hold;

	if (r->request->when != CHANGE_NOW)
		result = remove_rule(engine, r->device, &text);
	else if (is_command && binds_at_boot(&r->plan, r->device))
		text = need_printf("; %s binds it again at the next boot", r->plan.at.file);
	if (result)
		goto out;
	/* Hold the device first, because its new interface has an event. */
	is_new_hold = hold_released(r) && !r->device->is_held;
	if (r->request->when == CHANGE_BOOT)
		done = need_strdup("released at the next boot");
	else if (driver)
		result = release_now(r, driver, is_new_hold, &done);
	else if (is_command && *device_driver(r->device))
		done = need_printf("bound to %s, which the kernel chose", device_driver(r->device));
	else if (is_command)
		done = need_strdup("has no driver");
	if (!result && done)
		say(r->device, done, text ? text : "");
	else if (result && r->request->when != CHANGE_NOW)
		msg(LOG_ERR, "%s: its rule has been changed nevertheless%s", device_text(r->device),
		    text);
out:
	free(done);
	free(text);
	return result;
}

/*
 * Read the device and the rules, and release the device. The caller holds the
 * lock, except for a dry run.
 */
static enum engine_result release_locked(struct engine *engine, struct release *r)
{
	enum engine_result result = reread(engine, r->device);
	int err;

	if (result)
		return result;
	err = device_override(r->device, r->override);
	if (err == -ENODEV)
		return gone(r->device);
	if (err) {
		msg(LOG_ERR, "%s: driver_override cannot be read: %s", device_text(r->device),
		    strerror(-err));
		return ENGINE_FAILED;
	}
	config_rule(&engine->config, r->device, true, &r->rule);
	engine_plan(engine, r->device, &r->plan);
	if (!r->request->dry)
		return carry_out_release(engine, r);
	if (driver_to_release(r))
		printf("%s: would be released by %s\n", device_text(r->device),
		       driver_to_release(r));
	return ENGINE_DONE;
}

enum engine_result engine_release(struct engine *engine, struct device *device,
				  const struct request *request)
{
	struct release r = { .device = device, .request = request };
	enum engine_result result;
	int lock;

	config_rule(&engine->config, device, true, &r.rule);
	if (r.rule.scope == SCOPE_NONE && !request->is_named)
		return ENGINE_DONE;
	if (request->dry)
		return release_locked(engine, &r);
	lock = lock_take("device", device->instance);
	if (lock < 0)
		return ENGINE_FAILED;
	result = release_locked(engine, &r);
	close(lock);
	return result;
}

/*
 * Set the size in the file of vmbusctl. A section without keys binds the
 * device, too: remove it if another rule does so.
 */
static int write_size(struct engine *engine, const struct device *device, struct rule_file *file,
		      uint64_t size)
{
	struct rule other;
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, size);
	rule_file_set(file, "ring_size", size ? text : NULL);
	read_other_rule(engine, device, file, &other);
	if (!rule_file_has_keys(file) && other.scope != SCOPE_NONE && other.enable)
		rule_file_clear(file);
	return size || file->before ? rule_file_write(file) : 0;
}

static enum engine_result resize(const struct device *device, const struct rule *rule,
				 uint64_t size)
{
	struct rule access = *rule;
	char text[24] = "default";
	int err;

	if (size)
		snprintf(text, sizeof(text), "%" PRIu64, size);
	err = settings_write_ring_size(device, text);
	/*
	 * The module has created the ring file again with the kernel's owner
	 * and mode, so apply those of the rule.
	 */
	access.settings.ring_size = 0;
	if (!err && rule->scope != SCOPE_NONE && rule->enable)
		err = settings_apply(device, &access, 0);
	if (err == -ENODEV)
		return gone(device);
	return err ? ENGINE_FAILED : ENGINE_DONE;
}

/* Set the size. The caller holds the lock, and frees @file. */
static enum engine_result set_size(struct engine *engine, struct device *device, uint64_t size,
				   enum change_when when, struct rule_file *file)
{
	const bool writes = when != CHANGE_NOW;
	enum engine_result result;
	struct plan plan;
	char *text;

	if (writes && write_size(engine, device, file, size))
		return ENGINE_FAILED;
	result = reread(engine, device);
	engine_plan(engine, device, &plan);
	if (!result && writes && plan.rule.settings.ring_size != size) {
		msg(LOG_ERR,
		    "%s: another file sets its ring size, and takes precedence over %s (see 'vmbusctl show %s')",
		    device_text(device), file->path, device->instance);
		result = ENGINE_FAILED;
	}
	if (!result && when != CHANGE_BOOT)
		result = resize(device, &plan.rule, size);
	if (result) {
		if (writes) {
			rule_file_restore(file);
			msg(LOG_ERR, "%s: its rule has not been changed", device_text(device));
		}
		return result;
	}
	text = writes ? file_text(file, NULL) : need_strdup("");
	if (size)
		printf("%s: ring size %" PRIu64 " KiB%s\n", device_text(device), size / 1024, text);
	else
		printf("%s: ring size of the driver%s\n", device_text(device), text);
	free(text);
	return ENGINE_DONE;
}

enum engine_result engine_set_ring_size(struct engine *engine, struct device *device, uint64_t size,
					enum change_when when)
{
	enum engine_result result = ENGINE_FAILED;
	struct rule_file file;
	struct plan plan;
	int lock;

	engine_plan(engine, device, &plan);
	if (when != CHANGE_NOW && plan.outcome == PLAN_FAULTY)
		return report_faulty(engine, device, &plan);
	if (when != CHANGE_NOW && (plan.outcome == PLAN_NO_RULE || !plan.rule.enable)) {
		msg(LOG_ERR,
		    "%s: no rule binds it, and a rule that has only a size would bind it; run 'vmbusctl bind %s' first, or set the size with --now",
		    device_text(device), device->instance);
		return result;
	}
	lock = lock_take("device", device->instance);
	if (lock < 0)
		return result;
	if (!rule_file_open(&file, device->instance, false))
		result = set_size(engine, device, size, when, &file);
	rule_file_free(&file);
	close(lock);
	return result;
}
