// SPDX-License-Identifier: GPL-2.0-only
#include "bind.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "guard.h"
#include "kernel.h"
#include "log.h"

#define DEVICE "/sys/bus/vmbus/devices/%s"
#define DRIVER "/sys/bus/vmbus/drivers/%s"

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
	char driver[DRIVER_NAME_MAX + 1];
	char override[DRIVER_NAME_MAX + 1];
	bool has_override;
	bool id_added;
};

static const char *described(const struct vmbus_dev *dev)
{
	static char text[2 * VMBUS_GUID_SIZE + 4];
	const char *name = class_name(dev->class);

	snprintf(text, sizeof(text), "%s (%s)", dev->instance, name ? name : dev->class);
	return text;
}

static const char *reason(int err)
{
	/* The kernel's ENOTSUPP, which no libc knows: low-speed devices before 6.10. */
	if (err == -524)
		return "not supported, the kernel's log says more";
	return err == PROBE_FAILED ? "its probe failed, the kernel's log says why" : strerror(-err);
}

static bool has_override(const struct vmbus_dev *dev)
{
	return exists(DEVICE "/driver_override", dev->instance);
}

static int read_override(const struct vmbus_dev *dev, char out[DRIVER_NAME_MAX + 1])
{
	int ret = read_line(out, DRIVER_NAME_MAX + 1, DEVICE "/driver_override", dev->instance);

	if (ret < 0)
		return ret;
	if (!strcmp(out, NO_OVERRIDE))
		out[0] = '\0';
	return 0;
}

static int write_override(const struct vmbus_dev *dev, const char *driver)
{
	/* write() of nothing is no write: a bare newline clears it. */
	return kernel_write(driver[0] ? driver : "\n", DEVICE "/driver_override", dev->instance);
}

/*
 * The device's own folder is the lock: there before /run and /dev, one for each device, and gone
 * with it. Returns a file descriptor or -errno.
 */
static int lock_device(const struct vmbus_dev *dev)
{
	char path[PATH_MAX];
	int fd, ret;

	if (snprintf(path, sizeof(path), "%s" DEVICE, root, dev->instance) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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

static int load_driver(const char *driver)
{
	int ret;

	if (exists(DRIVER, driver))
		return 0;
	ret = kernel_load(driver);
	if (ret)
		return ret;
	return exists(DRIVER, driver) ? 0 : -ENOENT;
}

static int bind(const struct vmbus_dev *dev, const char *driver)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	int err, waits = 0;

	while ((err = kernel_write(dev->instance, DRIVER "/bind", driver)) == -EAGAIN && waits++ < MAX_WAITS)
		nanosleep(&pause, NULL);
	return err;
}

/* 0 when the device is with driver; else the device's last state is in dev->driver. */
static int attach(struct vmbus_dev *dev, const char *driver, struct undo *undo)
{
	int err = 0, ret;

	for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
		ret = dev_read_driver(dev);
		if (ret)
			return ret;
		if (!strcmp(dev->driver, driver))
			return 0;
		if (!dev->driver[0] && err)
			return err; /* tried, and nobody was in between */
		if (dev->driver[0]) {
			ret = kernel_write(dev->instance, DRIVER "/unbind", dev->driver);
			/* ENODEV: it has just let go, or the device has left; the next look tells. */
			if (ret && ret != -ENODEV)
				return ret;
		}
		if (!undo->has_override && !undo->id_added) {
			/* This alone binds the device when it is free; EEXIST: known already. */
			ret = kernel_write(dev->class, DRIVER "/new_id", driver);
			if (ret && ret != -EEXIST)
				return ret;
			undo->id_added = !ret;
		}
		/* Its result is only the reason: a new_id or a module just loaded may have been faster. */
		err = bind(dev, driver);
		if (!err)
			err = PROBE_FAILED;
	}
	ret = dev_read_driver(dev);
	if (ret)
		return ret;
	return strcmp(dev->driver, driver) ? -EBUSY : 0;
}

static void restore(struct vmbus_dev *dev, const char *driver, const struct undo *undo)
{
	int ret = 0;

	if (undo->has_override)
		ret = write_override(dev, undo->override);
	else if (undo->id_added)
		ret = kernel_write(dev->class, DRIVER "/remove_id", driver);
	if (ret && exists(DEVICE "/class_id", dev->instance))
		say(LOG_ERR, "%s: %s cannot be undone: %s", described(dev),
		    undo->has_override ? "driver_override" : "new_id", reason(ret));
	if (dev_read_driver(dev) || dev->driver[0])
		return;
	if (undo->driver[0])
		bind(dev, undo->driver);
	else
		kernel_write(dev->instance, "/sys/bus/vmbus/drivers_probe");
	dev_read_driver(dev);
}

static int take(struct vmbus_dev *dev, const struct wish *wish)
{
	struct undo undo = { .has_override = has_override(dev) };
	const char *step;
	int err;

	memcpy(undo.driver, dev->driver, sizeof(undo.driver));
	if (undo.has_override) {
		/*
		 * First of all: from here on no other driver is matched, be it that modprobe brings
		 * it or that the device's own event does.
		 */
		step = "driver_override cannot be set";
		err = read_override(dev, undo.override);
		if (!err)
			err = write_override(dev, wish->driver);
		if (err)
			goto err_override;
	}
	step = "the driver cannot be loaded";
	err = load_driver(wish->driver);
	if (err)
		goto err_load;
	step = "the driver does not take it";
	err = attach(dev, wish->driver, &undo);
	if (err)
		goto err_attach;

	say(LOG_NOTICE, "%s: bound to %s%s%s", described(dev), wish->driver,
	    undo.driver[0] ? ", taken over from " : "", undo.driver);
	return 0;

err_attach:
err_load:
	restore(dev, wish->driver, &undo);
err_override:
	if (!exists(DEVICE "/class_id", dev->instance)) {
		say(LOG_INFO, "%s: the host has taken it back", described(dev));
		return -ENODEV;
	}
	say(LOG_ERR, "%s: not bound to %s: %s: %s; it is %s%s", described(dev), wish->driver, step,
	    reason(err), dev->driver[0] ? "with " : "without a driver", dev->driver);
	return err;
}

int device_bind(struct vmbus_dev *dev, const struct wish *wish, bool early, bool dry)
{
	char why[128] = "";
	int lock, ret;

	lock = lock_device(dev);
	if (lock < 0)
		return lock;
	ret = dev_read_driver(dev);
	if (ret || !strcmp(dev->driver, wish->driver)) {
		if (!ret)
			say(dry ? LOG_INFO : LOG_DEBUG, "%s: is with %s", described(dev), wish->driver);
		goto out;
	}
	if (early && !wish->force && !wish->by_instance && guard_is_class(dev->class)) {
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
		say(LOG_INFO, "%s: would be bound to %s%s%s", described(dev), wish->driver,
		    dev->driver[0] ? ", taken over from " : "", dev->driver);
	} else {
		ret = take(dev, wish);
	}
out:
	close(lock);
	return ret;
}

/* The kernel's own choice: a driver that is there, else what the device's alias brings. */
static void probe_any(struct vmbus_dev *dev)
{
	char alias[64];

	kernel_write(dev->instance, "/sys/bus/vmbus/drivers_probe");
	if (dev_read_driver(dev) || dev->driver[0])
		return;
	if (read_line(alias, sizeof(alias), DEVICE "/modalias", dev->instance) <= 0 || kernel_load(alias))
		return;
	kernel_write(dev->instance, "/sys/bus/vmbus/drivers_probe");
	dev_read_driver(dev);
}

static int give_back(struct vmbus_dev *dev, const struct wish *wish, bool override)
{
	bool bound = !strcmp(dev->driver, wish->driver);
	const char *step;
	int err;

	step = override ? "driver_override cannot be cleared" : "remove_id";
	if (override)
		err = write_override(dev, "");
	else
		err = kernel_write(dev->class, DRIVER "/remove_id", wish->driver);
	if (err && (override || err != -ENODEV))
		goto err_gone;
	if (bound) {
		step = "unbind";
		err = kernel_write(dev->instance, DRIVER "/unbind", wish->driver);
		if (err && err != -ENODEV)
			goto err_gone;
	}
	probe_any(dev);
	say(LOG_NOTICE, "%s: given back by %s, %s%s", described(dev), wish->driver,
	    dev->driver[0] ? "now with " : "now without a driver", dev->driver);
	return 0;

err_gone:
	if (!exists(DEVICE "/class_id", dev->instance))
		return -ENODEV;
	say(LOG_ERR, "%s: not given back by %s: %s: %s", described(dev), wish->driver, step, reason(err));
	return err;
}

int device_release(struct vmbus_dev *dev, const struct wish *wish, bool dry)
{
	char driver[DRIVER_NAME_MAX + 1] = "";
	bool override = has_override(dev);
	int lock, ret;

	lock = lock_device(dev);
	if (lock < 0)
		return lock;
	ret = dev_read_driver(dev);
	if (!ret && override)
		ret = read_override(dev, driver);
	if (ret) {
		if (ret != -ENODEV)
			say(LOG_ERR, "%s: %s", described(dev), reason(ret));
		goto out;
	}
	/* Without driver_override what we took and what the kernel gave look the same. */
	if (strcmp(override ? driver : dev->driver, wish->driver))
		goto out;
	if (dry)
		say(LOG_INFO, "%s: would be given back by %s", described(dev), wish->driver);
	else
		ret = give_back(dev, wish, override);
out:
	close(lock);
	return ret;
}
