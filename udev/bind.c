// SPDX-License-Identifier: GPL-2.0-only
#include "bind.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "guard.h"
#include "kernel.h"
#include "log.h"

/* The folders of VMBus and of a driver; their first argument is vmbus_sysroot(). */
#define BUS    "%s/sys/bus/vmbus"
#define DRIVER BUS "/drivers/%s"

/*
 * A driver that probes asynchronously (hv_utils does) may have been matched before our override was
 * written and take the device after we looked. Each such driver gets in between once.
 */
#define MAX_ATTEMPTS 4

/*
 * Kernels of 2026 answer EAGAIN while a device is still being added: its event is out, and the kernel has yet to come to its own
 * probe, which follows within milliseconds. A hundredth of a second, so many times.
 */
#define MAX_WAITS 200

/* What the kernel shows for an override that is not set. */
#define NO_OVERRIDE "(null)"

/* Before 5.12 the kernel reports a failed probe as success; this stands for the reason. */
#define PROBE_FAILED (-ENXIO)

/* How a device was found, and what has been changed since. */
struct undo {
	char *driver; /* or NULL */
	char override[DRIVER_NAME_MAX + 1];
	bool has_override;
	bool id_added;
};

static const char *described(const struct vmbus_device *dev)
{
	static char text[2 * VMBUS_GUID_SIZE + 4];
	const char *name = vmbus_device_class_name(dev);

	snprintf(text, sizeof(text), "%s (%s)", vmbus_device_instance(dev),
		 name ? name : vmbus_device_class(dev));
	return text;
}

static bool is_with(const struct vmbus_device *dev, const char *driver)
{
	const char *now = vmbus_device_driver(dev);

	return now && !strcmp(now, driver);
}

static const char *reason(int err)
{
	/* The kernel's ENOTSUPP, which no libc knows: low-speed devices before 6.10. */
	if (err == -524)
		return "not supported, the kernel's log says more";
	return err == PROBE_FAILED ? "its probe failed, the kernel's log says why" : strerror(-err);
}

/* -ENOENT: this kernel's VMBus has no override. An override that is not set is "". */
static int read_override(const struct vmbus_device *dev, char out[DRIVER_NAME_MAX + 1])
{
	int ret = vmbus_device_attribute(dev, "driver_override", out, DRIVER_NAME_MAX + 1);

	if (!ret && !strcmp(out, NO_OVERRIDE))
		out[0] = '\0';
	return ret;
}

static int write_override(const struct vmbus_device *dev, const char *driver)
{
	/* write() of nothing is no write: a bare newline clears it. */
	return kernel_write(driver[0] ? driver : "\n", "%s/driver_override", vmbus_device_sysfs(dev));
}

static int write_driver(const char *driver, const char *file, const char *value)
{
	return kernel_write(value, DRIVER "/%s", vmbus_sysroot(), driver, file);
}

/* Every driver that is there may take the device. */
static void probe_loaded(const struct vmbus_device *dev)
{
	kernel_write(vmbus_device_instance(dev), BUS "/drivers_probe", vmbus_sysroot());
}

static bool is_gone(struct vmbus_device *dev)
{
	return vmbus_device_refresh(dev) == -ENODEV;
}

/*
 * The device's own folder is the lock: there before /run and /dev, one for each device, and gone
 * with it. Returns a file descriptor or -errno.
 */
static int lock_device(const struct vmbus_device *dev)
{
	int fd, ret;

	fd = open(vmbus_device_sysfs(dev), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	while (flock(fd, LOCK_EX)) {
		if (errno == EINTR)
			continue;
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

static bool is_loaded(const char *driver)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), DRIVER, vmbus_sysroot(), driver) < (int)sizeof(path) &&
		!access(path, F_OK);
}

static int load_driver(const char *driver)
{
	int ret;

	if (is_loaded(driver))
		return 0;
	ret = kernel_load(driver);
	if (ret)
		return ret;
	return is_loaded(driver) ? 0 : -ENOENT;
}

static int bind(const struct vmbus_device *dev, const char *driver)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	int err, waits = 0;

	for (;;) {
		err = write_driver(driver, "bind", vmbus_device_instance(dev));
		if (err != -EAGAIN || waits++ == MAX_WAITS)
			return err;
		nanosleep(&pause, NULL);
	}
}

/* 0 when the device is with driver; else dev shows its last state. */
static int attach(struct vmbus_device *dev, const char *driver, struct undo *undo)
{
	int err = 0, ret;

	for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
		ret = vmbus_device_refresh(dev);
		if (ret)
			return ret;
		if (is_with(dev, driver))
			return 0;
		if (!vmbus_device_driver(dev) && err)
			return err; /* tried, and nobody was in between */
		if (vmbus_device_driver(dev)) {
			ret = write_driver(vmbus_device_driver(dev), "unbind", vmbus_device_instance(dev));
			/* ENODEV: it has just let go, or the device has left; the next look tells. */
			if (ret && ret != -ENODEV)
				return ret;
		}
		if (!undo->has_override && !undo->id_added) {
			/* This alone binds the device when it is free; EEXIST: known already. */
			ret = write_driver(driver, "new_id", vmbus_device_class(dev));
			if (ret && ret != -EEXIST)
				return ret;
			undo->id_added = !ret;
		}
		/* Its result is only the reason: a new_id or a module just loaded may have been faster. */
		err = bind(dev, driver);
		if (!err)
			err = PROBE_FAILED;
	}
	ret = vmbus_device_refresh(dev);
	if (ret)
		return ret;
	return is_with(dev, driver) ? 0 : -EBUSY;
}

static void restore(struct vmbus_device *dev, const char *driver, const struct undo *undo)
{
	int ret = 0;

	if (undo->has_override)
		ret = write_override(dev, undo->override);
	else if (undo->id_added)
		ret = write_driver(driver, "remove_id", vmbus_device_class(dev));
	if (ret && !is_gone(dev))
		say(LOG_ERR, "%s: %s cannot be undone: %s", described(dev),
		    undo->has_override ? "driver_override" : "new_id", reason(ret));
	if (vmbus_device_refresh(dev) || vmbus_device_driver(dev))
		return;
	if (undo->driver)
		bind(dev, undo->driver);
	else
		probe_loaded(dev);
	vmbus_device_refresh(dev);
}

static int take(struct vmbus_device *dev, const struct wish *wish)
{
	const char *now = vmbus_device_driver(dev);
	struct undo undo = { 0 };
	const char *step;
	int err;

	if (now) {
		step = "its driver cannot be noted";
		undo.driver = strdup(now);
		err = -ENOMEM;
		if (!undo.driver)
			goto err_override;
	}
	/*
	 * First of all: from here on no other driver is matched, be it that modprobe brings it or
	 * that the device's own event does.
	 */
	step = "driver_override cannot be set";
	err = read_override(dev, undo.override);
	if (!err) {
		undo.has_override = true;
		err = write_override(dev, wish->driver);
	} else if (err == -ENOENT) {
		err = 0;
	}
	if (err)
		goto err_override;
	step = "the driver cannot be loaded";
	err = load_driver(wish->driver);
	if (err)
		goto err_load;
	step = "the driver does not take it";
	err = attach(dev, wish->driver, &undo);
	if (err)
		goto err_attach;

	say(LOG_NOTICE, "%s: bound to %s%s%s", described(dev), wish->driver,
	    undo.driver ? ", taken over from " : "", undo.driver ? undo.driver : "");
	free(undo.driver);
	return 0;

err_attach:
err_load:
	restore(dev, wish->driver, &undo);
err_override:
	free(undo.driver);
	if (is_gone(dev)) {
		say(LOG_INFO, "%s: the host has taken it back", described(dev));
		return -ENODEV;
	}
	now = vmbus_device_driver(dev);
	say(LOG_ERR, "%s: not bound to %s: %s: %s; it is %s%s", described(dev), wish->driver, step,
	    reason(err), now ? "with " : "without a driver", now ? now : "");
	return err;
}

int device_bind(struct vmbus_device *dev, const struct wish *wish, bool early, bool dry)
{
	const char *now;
	char why[128] = "";
	int lock, ret;

	lock = lock_device(dev);
	if (lock < 0)
		return lock;
	ret = vmbus_device_refresh(dev);
	if (ret || is_with(dev, wish->driver)) {
		if (!ret)
			say(dry ? LOG_INFO : LOG_DEBUG, "%s: is with %s", described(dev), wish->driver);
		goto out;
	}
	if (early && !wish->force && !wish->by_instance && guard_is_class(dev)) {
		say(LOG_ERR, "%s: not bound to %s: only its class is configured, and when udev asks, no "
		    "route or mount may tell yet that the machine needs it; a section for the instance, "
		    "or force=yes, takes it", described(dev), wish->driver);
		ret = -EBUSY;
		goto out;
	}
	ret = wish->force ? 0 : guard_check(dev, why, sizeof(why));
	if (ret) {
		if (ret == -ENODEV)
			goto out;
		say(LOG_ERR, "%s: not bound to %s: %s; force=yes in its section overrules this",
		    described(dev), wish->driver, ret > 0 ? why : reason(ret));
		ret = -EBUSY;
	} else if (dry) {
		now = vmbus_device_driver(dev);
		say(LOG_INFO, "%s: would be bound to %s%s%s", described(dev), wish->driver,
		    now ? ", taken over from " : "", now ? now : "");
	} else {
		ret = take(dev, wish);
	}
out:
	close(lock);
	return ret;
}

/* The kernel's own choice: a driver that is there, else what the device's alias brings. */
static void probe_any(struct vmbus_device *dev)
{
	char alias[64];

	probe_loaded(dev);
	if (vmbus_device_refresh(dev) || vmbus_device_driver(dev))
		return;
	if (vmbus_device_attribute(dev, "modalias", alias, sizeof(alias)) || !alias[0] || kernel_load(alias))
		return;
	probe_loaded(dev);
	vmbus_device_refresh(dev);
}

static int give_back(struct vmbus_device *dev, const struct wish *wish, bool override)
{
	bool bound = is_with(dev, wish->driver);
	const char *step, *now;
	int err;

	step = override ? "driver_override cannot be cleared" : "remove_id";
	if (override)
		err = write_override(dev, "");
	else
		err = write_driver(wish->driver, "remove_id", vmbus_device_class(dev));
	if (err && (override || err != -ENODEV))
		goto err_gone;
	if (bound) {
		step = "unbind";
		err = write_driver(wish->driver, "unbind", vmbus_device_instance(dev));
		if (err && err != -ENODEV)
			goto err_gone;
	}
	probe_any(dev);
	now = vmbus_device_driver(dev);
	say(LOG_NOTICE, "%s: given back by %s, %s%s", described(dev), wish->driver,
	    now ? "now with " : "now without a driver", now ? now : "");
	return 0;

err_gone:
	if (is_gone(dev))
		return -ENODEV;
	say(LOG_ERR, "%s: not given back by %s: %s: %s", described(dev), wish->driver, step, reason(err));
	return err;
}

int device_release(struct vmbus_device *dev, const struct wish *wish, bool dry)
{
	char driver[DRIVER_NAME_MAX + 1] = "";
	bool override, ours;
	int lock, ret;

	lock = lock_device(dev);
	if (lock < 0)
		return lock;
	ret = vmbus_device_refresh(dev);
	if (!ret)
		ret = read_override(dev, driver);
	override = !ret;
	if (ret && ret != -ENOENT) {
		if (ret != -ENODEV)
			say(LOG_ERR, "%s: %s", described(dev), reason(ret));
		goto out;
	}
	ret = 0;
	/* Without driver_override what we took and what the kernel gave look the same. */
	ours = override ? !strcmp(driver, wish->driver) : is_with(dev, wish->driver);
	if (!ours)
		goto out;
	if (dry)
		say(LOG_INFO, "%s: would be given back by %s", described(dev), wish->driver);
	else
		ret = give_back(dev, wish, override);
out:
	close(lock);
	return ret;
}
