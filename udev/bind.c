// SPDX-License-Identifier: GPL-2.0-only
#include "bind.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"
#include "lock.h"
#include "log.h"
#include "settings.h"

/*
 * The directories of VMBus and of a driver. Their first argument is
 * vmbus_sysroot().
 */
#define BUS    "%s/sys/bus/vmbus"
#define DRIVER BUS "/drivers/%s"

/*
 * A driver that probes asynchronously, such as hv_utils, may have been matched
 * before the override was written, and may bind the device after the link was
 * read. Each such driver can interfere once.
 */
#define MAX_ATTEMPTS 4

/* before a write that failed is repeated */
static const struct timespec pause_before_retry = { .tv_nsec = 10 * 1000 * 1000 };

/*
 * The kernels of 2026 return EAGAIN while a device is still being added: its
 * event has been sent, but the kernel's own probe follows only milliseconds
 * later. Wait 10 ms, up to this many times.
 */
#define MAX_WAITS 200

/* The kernel shows this for an override that is not set. */
#define NO_OVERRIDE "(null)"

/* With this override, the kernel binds a device to no driver. */
#define NO_DRIVER "vmbus-bind"

/*
 * Before 5.12 the kernel reports success even if a probe fails. This value
 * stands for the unknown error.
 */
#define PROBE_FAILED (-ENXIO)

/* The former state of a device, and the changes to undo */
struct undo {
	char *driver; /* or NULL */
	char override[DRIVER_NAME_MAX + 1];
	bool has_override;
	bool *lowered; /* for each interface of the stack: it was up; or NULL */
};

static char named_instance[VMBUS_GUID_SIZE], named_text[128];

void device_set_text(const char *instance, const char *typed)
{
	if (!strcmp(instance, typed))
		return;
	strcpy(named_instance, instance);
	snprintf(named_text, sizeof(named_text), "%.96s (%.8s…)", typed, instance);
}

const char *device_text(const char *instance, const char *class_name, const char *class_id)
{
	static char text[2 * VMBUS_GUID_SIZE + 4];

	if (!strcmp(instance, named_instance))
		return named_text;
	snprintf(text, sizeof(text), "%s (%s)", instance, class_name ? class_name : class_id);
	return text;
}

static const char *described(const struct vmbus_device *dev)
{
	return device_text(vmbus_device_instance(dev), vmbus_device_class_name(dev),
			   vmbus_device_class(dev));
}

bool device_is_nic(const struct vmbus_device *dev)
{
	return vmbus_device_class_name(dev) && !strcmp(vmbus_device_class_name(dev), "nic");
}

bool device_has_driver(const struct vmbus_device *dev, const char *driver)
{
	const char *now = vmbus_device_driver(dev);

	return now && !strcmp(now, driver);
}

static const char *reason(int err)
{
	/*
	 * This is the kernel's ENOTSUPP, which libc does not know. Kernels
	 * before 6.10 return it for low-speed devices.
	 */
	if (err == -524)
		return "not supported (see the kernel log)";
	return err == PROBE_FAILED ? "probe failed (see the kernel log)" : strerror(-err);
}

/* Report what was done, to @result if that is not NULL. */
static void __attribute__((format(printf, 3, 4)))
report(const struct vmbus_device *dev, char *result, const char *format, ...)
{
	char text[RESULT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(result ? result : text, RESULT_SIZE, format, args);
	va_end(args);
	if (!result)
		msg(LOG_NOTICE, "%s: %s", described(dev), text);
}

/*
 * Read the override of a device, which is "" if it is not set. Return -ENOENT
 * if this kernel's VMBus has no overrides.
 */
static int read_override(const struct vmbus_device *dev, char out[DRIVER_NAME_MAX + 1])
{
	int ret = vmbus_device_attribute(dev, "driver_override", out, DRIVER_NAME_MAX + 1);

	if (!ret && !strcmp(out, NO_OVERRIDE))
		out[0] = '\0';
	return ret;
}

static int write_override(const struct vmbus_device *dev, const char *driver)
{
	/*
	 * A write() of zero bytes does nothing, and a newline clears the
	 * override.
	 */
	return kernel_write(driver[0] ? driver : "\n", "%s/driver_override",
			    vmbus_device_sysfs(dev));
}

static int write_driver(const char *driver, const char *file, const char *value)
{
	return kernel_write(value, DRIVER "/%s", vmbus_sysroot(), driver, file);
}

/* Let the kernel probe the loaded drivers for the device. */
static void probe_loaded(const struct vmbus_device *dev)
{
	kernel_write(vmbus_device_instance(dev), BUS "/drivers_probe", vmbus_sysroot());
}

/*
 * Let the kernel choose a driver: one that is loaded, or else the module that
 * the alias of the device names.
 */
static void probe_any(struct vmbus_device *dev)
{
	char alias[64];

	probe_loaded(dev);
	if (vmbus_device_refresh(dev) || vmbus_device_driver(dev))
		return;
	if (vmbus_device_attribute(dev, "modalias", alias, sizeof(alias)) || !alias[0] ||
	    kernel_load(alias))
		return;
	probe_loaded(dev);
	vmbus_device_refresh(dev);
}

static bool is_gone(struct vmbus_device *dev)
{
	return vmbus_device_refresh(dev) == -ENODEV;
}

static int lock_device(const struct vmbus_device *dev)
{
	return lock_take("device", vmbus_device_instance(dev));
}

/* Take the lock that serializes runs that add a class to a driver. */
static int lock_bus(void)
{
	return lock_take("bus", "");
}

static bool is_loaded(const char *driver)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), DRIVER, vmbus_sysroot(), driver) < (int)sizeof(path) &&
		!access(path, F_OK);
}

/*
 * Load a driver, or wait until another process has loaded it completely:
 * modprobe returns after the module has looked at every device. The directory
 * of the driver appears earlier.
 */
static int load_completely(const char *driver)
{
	int ret = kernel_load(driver);

	if (is_loaded(driver))
		return 0;
	return ret ? ret : -ENOENT;
}

static int load_driver(const char *driver)
{
	return is_loaded(driver) ? 0 : load_completely(driver);
}

static int write_bind(const struct vmbus_device *dev, const char *driver)
{
	int err, waits = 0;

	for (;;) {
		err = write_driver(driver, "bind", vmbus_device_instance(dev));
		if (err != -EAGAIN || waits++ == MAX_WAITS)
			return err;
		nanosleep(&pause_before_retry, NULL);
	}
}

/*
 * Unbind the device from any other driver, and bind it to @driver. Return 0 or
 * -errno; @dev shows the latest state of the device.
 */
static int attach(struct vmbus_device *dev, const char *driver)
{
	int err = 0, ret;

	for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
		ret = vmbus_device_refresh(dev);
		if (ret)
			return ret;
		if (device_has_driver(dev, driver))
			return 0;
		if (!vmbus_device_driver(dev) && err)
			return err; /* this failed although no other driver interfered */
		if (vmbus_device_driver(dev)) {
			ret = write_driver(vmbus_device_driver(dev), "unbind",
					   vmbus_device_instance(dev));
			/*
			 * ENODEV: the driver has just released the device, or
			 * the host has rescinded it. The next refresh shows
			 * which.
			 */
			if (ret && ret != -ENODEV)
				return ret;
		}
		/*
		 * The result only explains a failure: new_id or a module that
		 * was just loaded may have bound the device already.
		 */
		err = write_bind(dev, driver);
		if (!err)
			err = PROBE_FAILED;
	}
	ret = vmbus_device_refresh(dev);
	if (ret)
		return ret;
	return device_has_driver(dev, driver) ? 0 : -EBUSY;
}

static bool is_same_device(const struct vmbus_device *a, const struct vmbus_device *b)
{
	return !strcmp(vmbus_device_instance(a), vmbus_device_instance(b));
}

/*
 * Let the kernel choose a driver for each other device of the class that has
 * none. Then list the devices of the class that @driver has already. Return 0,
 * or -errno; *result is NULL, or lacks the devices that could not be read.
 */
static int prepare_neighbours(const struct vmbus_device *dev, const char *driver,
			      struct vmbus_device ***result)
{
	struct vmbus_device **list;
	size_t kept = 0;
	int ret;

	ret = vmbus_devices_list(vmbus_device_class(dev), &list);
	*result = list;
	if (!list)
		return ret;
	for (size_t i = 0; list[i]; i++) {
		struct vmbus_device *one = list[i];

		list[i] = NULL;
		if (!vmbus_device_driver(one) && !is_same_device(one, dev))
			probe_any(one);
		if (device_has_driver(one, driver))
			list[kept++] = one;
		else
			vmbus_device_free(one);
	}
	return ret < 0 ? ret : 0;
}

/*
 * Remove the id of the class from a driver. If the id stayed, the driver would
 * bind each device of the class that the host offers, so try again after any
 * error. ENODEV means that the id is not there.
 */
static void remove_id(const struct vmbus_device *dev, const char *driver)
{
	int err, attempt = 0;

	while ((err = write_driver(driver, "remove_id", vmbus_device_class(dev))) &&
	       ++attempt < MAX_ATTEMPTS)
		nanosleep(&pause_before_retry, NULL);
	if (err && err != -ENODEV)
		msg(LOG_WARNING, "%s: %s still binds every device of the class: remove_id: %s",
		    described(dev), driver, reason(err));
}

/*
 * Release each other device of the class that @driver has and that is not in
 * @former. Some of them may have appeared while the driver had the id.
 */
static void release_neighbours(const struct vmbus_device *dev, const char *driver,
			       struct vmbus_device **former)
{
	struct vmbus_device **list;
	int ret = vmbus_devices_list(vmbus_device_class(dev), &list);

	if (ret < 0)
		msg(LOG_WARNING, "%s: %s may have bound other devices of the class: %s",
		    described(dev), driver, vmbus_error());
	for (size_t i = 0; list && list[i]; i++) {
		bool is_taken = device_has_driver(list[i], driver) && !is_same_device(list[i], dev);

		for (size_t f = 0; is_taken && former[f]; f++)
			is_taken = !is_same_device(list[i], former[f]);
		if (!is_taken)
			continue;
		write_driver(driver, "unbind", vmbus_device_instance(list[i]));
		probe_any(list[i]);
	}
	vmbus_devices_free(list);
}

/*
 * Bind without driver_override: add the id of the class to the driver, which
 * immediately binds every unbound device of the class. So first let the kernel
 * choose drivers for the other devices. Remove the id again as soon as the
 * device is bound, and only then release each other device that the driver has
 * bound in the meantime. If a rule names such a device, vmbus-bind binds it
 * separately: device_bind() holds the lock of the bus, so no other process
 * decides about a device that this one is about to release.
 */
static int attach_by_id(struct vmbus_device *dev, const char *driver)
{
	struct vmbus_device **former;
	int unread, ret;

	unread = prepare_neighbours(dev, driver, &former);
	if (!former)
		return unread;
	/* EEXIST: somebody else added the id, so it stays. */
	ret = write_driver(driver, "new_id", vmbus_device_class(dev));
	if (!ret) {
		ret = attach(dev, driver);
		remove_id(dev, driver);
		if (unread)
			msg(LOG_WARNING, "%s: %s may have bound other devices of the class: %s",
			    described(dev), driver, reason(unread));
		else
			release_neighbours(dev, driver, former);
	} else if (ret == -EEXIST) {
		ret = attach(dev, driver);
	}
	vmbus_devices_free(former);
	return ret;
}

/*
 * Set the interfaces of a stack down, so that transmission and routes over them
 * end before the NIC disappears. Without @force all of them were down when the
 * plan was made: return -EBUSY if somebody has set one up since.
 */
static int lower_interfaces(const struct stack *stack, bool force, struct undo *undo)
{
	int ret;

	for (size_t i = 0; !force && i < stack->count; i++) {
		ret = facts_is_up(stack->names[i]);
		if (ret)
			return ret < 0 ? ret : -EBUSY;
	}
	if (!force)
		return 0;
	undo->lowered = calloc(stack->count + 1, sizeof(*undo->lowered));
	if (!undo->lowered)
		return -ENOMEM;
	for (size_t i = 0; i < stack->count; i++) {
		ret = kernel_set_interface(stack->names[i], false);
		if (ret < 0 && ret != -ENODEV)
			return ret;
		if (!ret)
			undo->lowered[i] = true;
	}
	return 0;
}

/*
 * Other NICs use the bonds, bridges and VRFs above the NIC, so set up again
 * those that lower_interfaces() has set down. Their order is from the NIC
 * upwards.
 */
static void raise_above(const struct vmbus_device *dev, const struct stack *stack,
			const struct undo *undo)
{
	for (size_t i = stack->above; undo->lowered && i < stack->count; i++) {
		int ret = undo->lowered[i] ? kernel_set_interface(stack->names[i], true) : 0;

		/*
		 * A VLAN has gone with the NIC. One of a virtual function
		 * cannot come up while the function is down.
		 */
		if (ret < 0 && ret != -ENODEV && ret != -ENETDOWN)
			msg(LOG_WARNING, "%s: interface %s stays down: %s", described(dev),
			    stack->names[i], reason(ret));
	}
}

static void restore(struct vmbus_device *dev, const struct stack *stack, const struct undo *undo)
{
	int ret = 0;

	if (undo->has_override)
		ret = write_override(dev, undo->override);
	if (ret && !is_gone(dev))
		msg(LOG_ERR, "%s: driver_override cannot be restored: %s", described(dev),
		    reason(ret));
	if (!vmbus_device_refresh(dev) && !vmbus_device_driver(dev)) {
		ret = 0;
		if (undo->driver)
			ret = write_bind(dev, undo->driver);
		else
			probe_loaded(dev);
		if (ret && !is_gone(dev))
			msg(LOG_ERR, "%s: %s could not bind it again: %s", described(dev),
			    undo->driver, reason(ret));
		vmbus_device_refresh(dev);
	}
	/*
	 * The new interface has the same name. The network manager may change
	 * it later.
	 */
	for (size_t i = 0; undo->lowered && i < stack->count; i++)
		if (undo->lowered[i])
			kernel_set_interface(stack->names[i], true);
}

/*
 * Set driver_override, and keep the former one in @undo. Return 0, also on a
 * kernel without driver_override, or -errno.
 */
static int replace_override(struct vmbus_device *dev, const char *driver, struct undo *undo)
{
	int err = read_override(dev, undo->override);

	if (err)
		return err == -ENOENT ? 0 : err;
	undo->has_override = true;
	return write_override(dev, driver);
}

/*
 * Report that @step of a binding failed with @err. Return -ENODEV if the host
 * has rescinded the device, or another -errno.
 */
static int not_bound(struct vmbus_device *dev, const struct rule *rule, const char *step, int err)
{
	const char *now;

	if (is_gone(dev)) {
		msg(LOG_INFO, "%s: the host has rescinded it", described(dev));
		return -ENODEV;
	}
	now = vmbus_device_driver(dev);
	msg(LOG_ERR, "%s: not bound to %s: %s: %s; the device %s%s", described(dev), rule->driver,
	    step, reason(err), now ? "is bound to " : "has no driver", now ? now : "");
	/*
	 * The driver returned -ENODEV for a device that is still there. The
	 * caller would conclude that the device is gone.
	 */
	return err == -ENODEV ? -ENXIO : err;
}

/* Note a NIC. udev may still change a name that the kernel has given. */
static int note_device(const struct device *device)
{
	return note_write(device->instance, device->is_named ? device->interface : "",
			  device->mac);
}

static int bind_now(struct vmbus_device *dev, const struct rule *rule, const struct device *device,
		    char *result)
{
	const bool sizes = device_is_nic(dev) && settings_has_buffers(rule);
	const char *now = vmbus_device_driver(dev);
	struct buffers buffers = { .lock = -1 };
	struct undo undo = { 0 };
	const char *step;
	int err;

	if (now) {
		step = "the name of its driver cannot be copied";
		undo.driver = strdup(now);
		err = -ENOMEM;
		if (!undo.driver)
			goto err_override;
	}
	/*
	 * Rules that name the interface set the access of the UIO device, and
	 * the event of an interface binds no NIC that has a note.
	 */
	step = "its interface cannot be noted";
	err = device_is_nic(dev) ? note_device(device) : 0;
	if (err)
		goto err_override;
	/*
	 * This is the first change: the kernel matches no other driver from
	 * here on, whether modprobe or the device's own event loads it. Buffer
	 * sizes must be written before the driver binds the device, and the
	 * kernel may bind it as soon as the override names the driver. So for a
	 * rule with sizes, the override names no driver at first.
	 */
	step = "driver_override cannot be set";
	err = replace_override(dev, sizes ? NO_DRIVER : rule->driver, &undo);
	if (err)
		goto err_override;
	step = "the driver cannot be loaded";
	err = sizes ? load_completely(rule->driver) : load_driver(rule->driver);
	if (err)
		goto err_load;
	step = rule->force ? "its interface cannot be set down" : "its interface has come up";
	err = lower_interfaces(&device->stack, rule->force, &undo);
	if (err)
		goto err_lower;
	/*
	 * settings_begin() has reported a size that cannot be set. The device
	 * is bound nevertheless.
	 */
	if (sizes) {
		settings_begin(rule, &buffers);
		step = "driver_override cannot be set";
		err = undo.has_override ? write_override(dev, rule->driver) : 0;
		if (err)
			goto err_sizes;
	}
	step = "binding failed";
	err = undo.has_override ? attach(dev, rule->driver)
				: attach_by_id(dev, rule->driver);
	if (err)
		goto err_attach;
	settings_end(&buffers);
	raise_above(dev, &device->stack, &undo);

	report(dev, result, "bound to %s%s%s", rule->driver,
	       undo.driver ? ", taken over from " : "", undo.driver ? undo.driver : "");
	free(undo.driver);
	free(undo.lowered);
	return 0;

err_attach:
err_sizes:
	settings_end(&buffers);
err_lower:
err_load:
	restore(dev, &device->stack, &undo);
err_override:
	free(undo.driver);
	free(undo.lowered);
	return not_bound(dev, rule, step, err);
}

static int carry_out(struct vmbus_device *dev, const struct device *device,
		     const struct plan *plan, const struct bind_options *options)
{
	/* hv_netvsc may be about to make the interface, whose event decides. */
	const bool is_early = options->event && plan_is_nic(device) && !device->has_interface &&
			      plan->outcome != PLAN_BOUND;
	int ret = 0;

	/*
	 * After a new offer the note is stale, even if hv_netvsc has made an
	 * interface already. bind_now() writes it again.
	 */
	if (options->event && !options->new_interface && plan_is_nic(device) &&
	    plan->outcome != PLAN_BOUND)
		note_remove(device->instance);
	if (plan->outcome == PLAN_WAITS || (is_early && plan->outcome == PLAN_REFUSED)) {
		msg(LOG_INFO, "%s: left alone: %s", described(dev), plan->reason);
		return 0;
	}
	switch (plan->outcome) {
	case PLAN_WAITS:
	case PLAN_NO_RULE:
	case PLAN_DISABLED:
		return 0;
	case PLAN_FAULTY:
		msg(LOG_ERR, "%s: left alone: %s (%s:%u)", described(dev), plan->reason,
		    plan->at.file, plan->at.line);
		return -EINVAL;
	case PLAN_REFUSED:
		msg(LOG_ERR, "%s: not bound to %s: %s (%s:%u)", described(dev), plan->rule.driver,
		    plan->reason, plan->at.file, plan->at.line);
		return -EBUSY;
	case PLAN_BOUND:
		if (options->result)
			snprintf(options->result, RESULT_SIZE, "already bound to %s",
				 plan->rule.driver);
		break;
	case PLAN_BIND:
		ret = bind_now(dev, &plan->rule, device, options->result);
		break;
	}
	return ret ? ret : settings_apply(dev, &plan->rule, 0);
}

/*
 * Read the configuration and append a section. Return 0 or -errno. The caller
 * has reported faulty files.
 */
static int read_config(struct config *config, const struct section *extra)
{
	struct section *sections;
	int ret = config_load(config);

	if ((ret && ret != -EINVAL) || !extra)
		return ret == -EINVAL ? 0 : ret;
	sections = reallocarray(config->sections, config->count + 1, sizeof(*sections));
	if (!sections)
		return -ENOMEM;
	config->sections = sections;
	sections[config->count++] = *extra;
	return 0;
}

/*
 * Read the configuration and the device, decide, and carry the decision out.
 * The caller holds the locks. Return 0 or -errno.
 */
static int bind_locked(const struct section *extra, struct vmbus_device *dev,
		       const struct bind_options *options)
{
	struct config config = { 0 };
	struct device device;
	struct plan plan;
	int ret;

	ret = read_config(&config, extra);
	if (ret) {
		msg(LOG_ERR, "%s: not bound: the configuration cannot be read: %s", described(dev),
		    reason(ret));
		goto out;
	}
	ret = facts_read_one(dev, &device);
	if (ret) {
		msg(LOG_ERR, "%s: not bound: it cannot be read: %s", described(dev), reason(ret));
		goto out;
	}
	/*
	 * A driver that refuses the device gives it back, with a new interface.
	 * Without this condition, its event would lead to the next attempt.
	 */
	if (!options->new_interface || !note_exists(device.instance)) {
		plan_make(&config, &device, options->plan, &plan);
		ret = carry_out(dev, &device, &plan, options);
		if (!ret && plan.outcome >= PLAN_BOUND)
			note_end_hold(device.instance);
	}
	facts_free_one(&device);
out:
	config_free(&config);
	return ret;
}

int device_bind(const struct section *extra, struct vmbus_device *dev,
		const struct bind_options *options)
{
	char override[DRIVER_NAME_MAX + 1];
	int bus = -1, lock, ret;

	/*
	 * Without driver_override, binding a device may bind its neighbours,
	 * too.
	 */
	if (read_override(dev, override) == -ENOENT) {
		bus = lock_bus();
		if (bus < 0)
			return bus;
	}
	lock = lock_device(dev);
	ret = lock < 0 ? lock : vmbus_device_refresh(dev);
	if (ret)
		goto out;
	ret = bind_locked(extra, dev, options);
out:
	if (lock >= 0)
		close(lock);
	if (bus >= 0)
		close(bus);
	return ret;
}

static int release_now(struct vmbus_device *dev, const char *driver, bool override, char *result)
{
	bool bound = device_has_driver(dev, driver);
	const char *step, *now;
	int err;

	step = override ? "driver_override cannot be cleared" : "remove_id";
	if (override)
		err = write_override(dev, "");
	else
		err = write_driver(driver, "remove_id", vmbus_device_class(dev));
	if (err && (override || err != -ENODEV))
		goto err_gone;
	if (bound) {
		step = "unbind";
		err = write_driver(driver, "unbind", vmbus_device_instance(dev));
		if (err && err != -ENODEV)
			goto err_gone;
	}
	probe_any(dev);
	now = vmbus_device_driver(dev);
	report(dev, result, "released by %s, %s%s", driver,
	       now ? "now bound to " : "now without a driver", now ? now : "");
	return 0;

err_gone:
	if (is_gone(dev))
		return -ENODEV;
	msg(LOG_ERR, "%s: not released by %s: %s: %s", described(dev), driver, step, reason(err));
	return err;
}

int device_release(const struct config *config, struct vmbus_device *dev,
		   const struct release_options *options)
{
	char driver[DRIVER_NAME_MAX + 1] = "";
	struct identity identity;
	struct device device;
	struct rule rule;
	bool override, ours;
	int lock, ret;

	lock = lock_device(dev);
	if (lock < 0)
		return lock;
	ret = vmbus_device_refresh(dev);
	if (!ret)
		ret = facts_read_one(dev, &device);
	if (ret)
		goto out;
	identity = plan_identify(&device);
	config_rule_of_all(config, &identity, &rule);
	if (rule.scope == SCOPE_NONE && !options->is_named)
		goto out;
	ret = read_override(dev, driver);
	override = !ret;
	if (ret && ret != -ENOENT) {
		if (ret != -ENODEV)
			msg(LOG_ERR, "%s: %s", described(dev), reason(ret));
		goto out;
	}
	ret = 0;
	/*
	 * Without driver_override, a binding by us and one by the kernel look
	 * the same.
	 */
	ours = override ? !strcmp(driver, rule.driver) : device_has_driver(dev, rule.driver);
	if (!ours)
		goto out;
	if (options->dry) {
		printf("%s: would be released by %s\n", described(dev), rule.driver);
		goto out;
	}
	/*
	 * Hold the device first, because its new interface has an event. If the
	 * release fails, the hold ends, unless there was one before.
	 */
	if (options->hold && note_hold(device.instance))
		msg(LOG_WARNING, "%s: it cannot be held in /run, so a change of the rules may bind it",
		    described(dev));
	/*
	 * With a note, the event of the new interface does not bind the NIC
	 * again. driverctl, or a former version, has written none.
	 */
	if (device_is_nic(dev) && !note_exists(device.instance) &&
	    note_device(&device))
		msg(LOG_WARNING, "%s: it cannot be noted in /run, so its interface may bind it again",
		    described(dev));
	ret = release_now(dev, rule.driver, override, options->result);
	if (ret && options->hold && !device.is_held)
		note_end_hold(device.instance);
out:
	close(lock);
	return ret;
}
