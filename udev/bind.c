// SPDX-License-Identifier: GPL-2.0-only
#include "bind.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "kernel.h"
#include "log.h"
#include "run.h"

/*
 * The directories of VMBus and of a driver. Their first argument is
 * sysroot().
 */
#define BUS    "%s/sys/bus/vmbus"
#define DRIVER BUS "/drivers/%s"

/*
 * A driver that probes asynchronously, such as hv_utils, may have been matched
 * before the override was written, and may bind the device after the link was
 * read. Each such driver can interfere once.
 */
#define MAX_ATTEMPTS 4

/*
 * The kernels of 2026 return EAGAIN while a device is still being added: its
 * event has been sent, but the kernel's own probe follows only milliseconds
 * later. Wait 10 ms, up to this many times.
 */
#define MAX_WAITS 200

/* With this override, the kernel binds a device to no driver. */
#define NO_DRIVER "vmbus-bind"

/*
 * Before 5.12 the kernel reports success even if a probe fails. This value
 * stands for the unknown error.
 */
#define PROBE_FAILED (-ENXIO)

/* This value stands for any failure of modprobe. */
#define LOAD_FAILED (-ELIBACC)

/* The former state of a device, and the changes to undo */
struct undo {
	char *driver; /* or NULL */
	char override[DRIVER_NAME_MAX + 1];
	bool is_overridden; /* the override has changed */
	bool *lowered;	    /* for each interface of the stack: it was up; or NULL */
};

static const char *reason(int err)
{
	/*
	 * This is the kernel's ENOTSUPP, which libc does not know. Kernels
	 * before 6.10 return it for low-speed devices.
	 */
	if (err == -524)
		return "not supported (see the kernel log)";
	if (err == LOAD_FAILED)
		return "modprobe failed (run it by hand, or see the kernel log)";
	return err == PROBE_FAILED ? "probe failed (see the kernel log)" : strerror(-err);
}

static int write_override(const struct device *device, const char *driver)
{
	/*
	 * A write() of zero bytes does nothing, and a newline clears the
	 * override.
	 */
	return kernel_write(driver[0] ? driver : "\n", "%s/driver_override", device->handle->sysfs);
}

static int write_driver(const char *driver, const char *file, const char *value)
{
	return kernel_write(value, DRIVER "/%s", sysroot(), driver, file);
}

/* Let the kernel probe the loaded drivers for the device. */
static void probe_loaded(const struct vmbus_device *dev)
{
	kernel_write(dev->instance, BUS "/drivers_probe", sysroot());
}

/*
 * Let the kernel choose a driver: one that is loaded, or else the module that
 * the alias of the device names.
 */
static void probe_any(struct vmbus_device *dev)
{
	char alias[64];

	probe_loaded(dev);
	if (vmbus_device_refresh(dev) || dev->driver)
		return;
	if (vmbus_device_attribute(dev, "modalias", alias, sizeof(alias)) || !alias[0] ||
	    kernel_load(alias))
		return;
	probe_loaded(dev);
	vmbus_device_refresh(dev);
}

static bool is_gone(struct device *device)
{
	return vmbus_device_refresh(device->handle) == -ENODEV;
}

static bool is_loaded(const char *driver)
{
	return file_exists("/sys/bus/vmbus/drivers/%s", driver);
}

/*
 * Load a driver, or wait until another process has loaded it completely. The
 * directory of the driver does not show that, because it appears before the
 * module has looked at every device. modprobe returns after that.
 */
static int load_completely(const char *driver)
{
	int ret = kernel_load(driver);

	if (is_loaded(driver))
		return 0;
	return ret && ret != -ENOENT ? ret : LOAD_FAILED;
}

static int load_driver(const char *driver)
{
	return is_loaded(driver) ? 0 : load_completely(driver);
}

static int write_bind(const struct device *device, const char *driver)
{
	int err, waits = 0;

	for (;;) {
		err = write_driver(driver, "bind", device->instance);
		if (err != -EAGAIN || waits++ == MAX_WAITS)
			return err;
		clock_sleep(10);
	}
}

/*
 * Unbind the device from any other driver, and bind it to @driver. Return 0 or
 * -errno; the handle shows the latest state of the device.
 */
static int attach(struct device *device, const char *driver)
{
	int err = 0, ret;

	for (int attempt = 0;; attempt++) {
		ret = vmbus_device_refresh(device->handle);
		if (ret)
			return ret;
		if (device_has_driver(device, driver))
			return 0;
		if (attempt == MAX_ATTEMPTS)
			return -EBUSY;
		if (!device->handle->driver && err)
			return err; /* this failed although no other driver interfered */
		if (device->handle->driver) {
			ret = write_driver(device->handle->driver, "unbind", device->instance);
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
		err = write_bind(device, driver);
		if (!err)
			err = PROBE_FAILED;
	}
}

/*
 * Read the device again, because somebody may have set an interface up since
 * the plan was made, and udev may have given it another name. Then set the
 * interfaces of a forced NIC down, so that transmission and routes over them
 * end before the NIC disappears. Otherwise judge them again. Return 0, or
 * -EBUSY with the reason in @plan, or another -errno.
 */
static int lower_interfaces(struct device *device, struct plan *plan, struct undo *undo)
{
	const struct stack *stack = &device->stack;
	const bool had_interface = device->has_interface;
	int ret = device_reread(device);

	if (ret || (!had_interface && !device->has_interface))
		return ret;
	if (!plan->rule.force) {
		plan_judge(device, plan);
		return plan->outcome == PLAN_REFUSED ? -EBUSY : 0;
	}
	device_read_stack(device);
	undo->lowered = need(calloc(stack->count + 1, sizeof(*undo->lowered)));
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
static void raise_above(const struct device *device, const struct undo *undo)
{
	const struct stack *stack = &device->stack;

	for (size_t i = stack->above; undo->lowered && i < stack->count; i++) {
		int ret = undo->lowered[i] ? kernel_set_interface(stack->names[i], true) : 0;

		/*
		 * A VLAN on the NIC has gone with the NIC, and a VLAN on a
		 * virtual function cannot come up while the function is down.
		 */
		if (ret < 0 && ret != -ENODEV && ret != -ENETDOWN)
			msg(LOG_WARNING, "%s: interface %s stays down: %s", device_text(device),
			    stack->names[i], reason(ret));
	}
}

static void restore(struct device *device, const struct undo *undo)
{
	const struct stack *stack = &device->stack;
	int ret = 0;

	if (undo->is_overridden)
		ret = write_override(device, undo->override);
	if (ret && !is_gone(device))
		msg(LOG_ERR, "%s: driver_override cannot be restored: %s", device_text(device),
		    reason(ret));
	if (!vmbus_device_refresh(device->handle) && !device->handle->driver) {
		ret = 0;
		if (undo->driver)
			ret = write_bind(device, undo->driver);
		else
			probe_loaded(device->handle);
		if (ret && !is_gone(device))
			msg(LOG_ERR, "%s: %s could not bind it again: %s", device_text(device),
			    undo->driver, reason(ret));
		vmbus_device_refresh(device->handle);
	}
	/*
	 * The driver has made a new interface, to which the kernel gives the
	 * name of the former one.
	 */
	for (size_t i = 0; undo->lowered && i < stack->count; i++)
		if (undo->lowered[i])
			kernel_set_interface(stack->names[i], true);
}

/* Set driver_override, and keep the former one in @undo. Return 0 or -errno. */
static int replace_override(struct device *device, const char *driver, struct undo *undo)
{
	int err = device_override(device, undo->override);

	if (err)
		return err;
	undo->is_overridden = true;
	return write_override(device, driver);
}

/*
 * Return -ENODEV if the host has rescinded the device. Otherwise report that
 * @step of a binding failed with @err, and return another -errno.
 */
static int not_bound(struct device *device, const struct rule *rule, const char *step, int err)
{
	const char *now;

	if (is_gone(device))
		return -ENODEV;
	now = device->handle->driver;
	msg(LOG_ERR, "%s: not bound to %s: %s: %s; the device %s%s", device_text(device),
	    rule->driver, step, reason(err), now ? "is bound to " : "has no driver",
	    now ? now : "");
	/*
	 * Do not pass on the -ENODEV of a driver, because the caller would
	 * conclude that the device is gone.
	 */
	return err == -ENODEV ? -ENXIO : err;
}

/* The buffer sizes of a driver while a NIC is bound to it */
struct buffers {
	int lock; /* file descriptor, or -1 */
	const char *driver;
	char recv_size[32], send_size[32]; /* the former sizes; "": not changed */
};

/*
 * Set a size of the driver, and store the former one in @former if it differs.
 */
static void choose(const char *driver, const char *name, uint64_t size, char former[32])
{
	char text[32], *now;
	int ret = 0;

	if (!size)
		return;
	snprintf(text, sizeof(text), "%" PRIu64, size);
	now = file_line("/sys/bus/vmbus/drivers/%s/%s", driver, name);
	if (!now)
		ret = -errno;
	else if (strcmp(text, now))
		ret = write_driver(driver, name, text);
	if (ret)
		msg(LOG_ERR, "%s of %s cannot be set to %s: %s", name, driver, text,
		    ret == -ENOENT ? "only the uio_hv_generic of hyperv-uio supports this" :
				     strerror(-ret));
	else if (strcmp(text, now))
		snprintf(former, 32, "%s", now);
	free(now);
}

/*
 * Set the buffer sizes for the NIC that is bound next. The driver has one
 * setting for all of its NICs. This function therefore locks the driver, and
 * end_sizes() restores the setting and unlocks the driver. If a size cannot be
 * set, the function reports that.
 */
static void begin_sizes(const struct rule *rule, struct buffers *buffers)
{
	buffers->driver = rule->driver;
	buffers->lock = lock_take("driver", rule->driver);
	if (buffers->lock < 0)
		return;
	choose(rule->driver, "recv_size", rule->settings.recv_buffer_size, buffers->recv_size);
	choose(rule->driver, "send_size", rule->settings.send_buffer_size, buffers->send_size);
}

static void restore_choice(const char *driver, const char *name, const char *former)
{
	int ret = former[0] ? write_driver(driver, name, former) : 0;

	if (ret)
		msg(LOG_ERR, "%s of %s cannot be restored to %s: %s", name, driver, former,
		    strerror(-ret));
}

/* This function does nothing if begin_sizes() was not called. */
static void end_sizes(struct buffers *buffers)
{
	restore_choice(buffers->driver, "recv_size", buffers->recv_size);
	restore_choice(buffers->driver, "send_size", buffers->send_size);
	if (buffers->lock >= 0)
		close(buffers->lock);
}

int bind_carry_out(struct device *device, struct plan *plan, char **text)
{
	const struct rule *rule = &plan->rule;
	const bool is_nic = device_is_nic(device);
	const char *now = device->handle->driver;
	struct undo undo = { .driver = now ? need_strdup(now) : NULL };
	struct buffers buffers = { .lock = -1 };
	const char *step;
	int err;

	/*
	 * Rules that name the interface set the access of the UIO device, and
	 * the event of an interface binds no NIC that has a note.
	 */
	step = "its interface cannot be noted";
	err = is_nic ? note_write(device) : 0;
	if (err)
		goto err_override;
	/*
	 * This is the first change: the kernel matches no other driver from
	 * here on, whether modprobe or the device's own event loads it. The
	 * driver must have the buffer sizes of this NIC when it binds the NIC,
	 * and the kernel may bind the NIC as soon as the override names the
	 * driver. So the override of a NIC names no driver at first.
	 */
	step = "driver_override cannot be set";
	err = replace_override(device, is_nic ? NO_DRIVER : rule->driver, &undo);
	if (err)
		goto err_override;
	step = "the driver cannot be loaded";
	err = is_nic ? load_completely(rule->driver) : load_driver(rule->driver);
	if (err)
		goto err_restore;
	/*
	 * begin_sizes() may wait for another NIC, so judge the interfaces
	 * afterwards. If it cannot set a size, it has reported that, and the
	 * device is bound nevertheless.
	 */
	if (is_nic) {
		begin_sizes(rule, &buffers);
		step = "driver_override cannot be set";
		err = write_override(device, rule->driver);
		if (err)
			goto err_sizes;
	}
	step = "its interface cannot be set down";
	err = lower_interfaces(device, plan, &undo);
	if (err)
		goto err_sizes;
	step = "binding failed";
	err = attach(device, rule->driver);
	if (err)
		goto err_sizes;
	end_sizes(&buffers);
	raise_above(device, &undo);

	*text = need_printf("bound to %s%s%s", rule->driver,
			    undo.driver ? ", taken over from " : "",
			    undo.driver ? undo.driver : "");
	free(undo.driver);
	free(undo.lowered);
	return 0;

err_sizes:
	end_sizes(&buffers);
err_restore:
	restore(device, &undo);
err_override:
	free(undo.driver);
	free(undo.lowered);
	return plan->outcome == PLAN_REFUSED ? err : not_bound(device, rule, step, err);
}

int bind_release(struct device *device, const char *driver, char **text)
{
	const char *step, *now;
	int err;

	step = "driver_override cannot be cleared";
	err = write_override(device, "");
	if (err)
		goto err_gone;
	/* The machine may use a device that has another driver. */
	if (device_has_driver(device, UIO_DRIVER)) {
		step = "unbind";
		err = write_driver(UIO_DRIVER, "unbind", device->instance);
		if (err && err != -ENODEV)
			goto err_gone;
	} else if (*device_driver(device)) {
		*text = need_printf("override cleared, still bound to %s", device_driver(device));
		return 0;
	}
	probe_any(device->handle);
	if (is_gone(device))
		return -ENODEV;
	now = device->handle->driver;
	*text = need_printf("released by %s, %s%s", driver,
			    now ? "now bound to " : "now without a driver", now ? now : "");
	return 0;

err_gone:
	if (is_gone(device))
		return -ENODEV;
	msg(LOG_ERR, "%s: not released by %s: %s: %s", device_text(device), driver, step,
	    reason(err));
	return err;
}
