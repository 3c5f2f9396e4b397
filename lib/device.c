// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* This file reads devices from sysfs. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

/* Room for a number as text; sysfs prints no longer numbers. */
#define NUMBER_SIZE 32

/* A device, and the memory of its GUIDs */
struct device {
	struct vmbus_device shown; /* first, because vmbus_device_free() frees it */
	char instance[GUID_SIZE];
	char class_id[GUID_SIZE];
};

/*
 * Read a line as read_attribute() does, but return -ENOBUFS if it is longer
 * than @text.
 */
static int read_line(const char *dir, const char *name, char *text, size_t size)
{
	char *path, *end;
	ssize_t n;
	int fd, err;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	free(path);
	if (fd < 0)
		return -errno;
	n = read(fd, text, size);
	err = -errno;
	close(fd);
	if (n < 0)
		return err;
	end = memchr(text, '\n', n);
	if (!end && (size_t)n == size)
		return -ENOBUFS;
	if (!end)
		end = text + n;
	*end = '\0';
	return 0;
}

int read_attribute(const char *dir, const char *name, char *text, size_t size)
{
	int err = read_line(dir, name, text, size);

	return err == -ENOBUFS ? -EPROTO : err;
}

int read_attribute_u64(const char *dir, const char *name, uint64_t *value)
{
	char text[NUMBER_SIZE];
	int err = read_attribute(dir, name, text, sizeof(text));

	return err ? err : parse_u64(text, value);
}

/* Whether @err means that the device is gone or has no such file. */
static bool is_missing(int err)
{
	return err == -ENOENT || err == -ENODEV || err == -ENOTDIR;
}

/*
 * Read a GUID from a file of the device in @dir. Return 0, -ENODEV (the device
 * is gone), -EPROTO (not a GUID), or the error of the read.
 */
static int read_guid(const char *dir, const char *name, char guid[GUID_SIZE])
{
	char text[64];
	int err = read_attribute(dir, name, text, sizeof(text));

	if (err)
		return is_missing(err) ? -ENODEV : err;
	return guid_parse(text, guid) ? -EPROTO : 0;
}

/*
 * Read the name of the driver of the device in @dir, or NULL if it has none.
 * Return 0 or -errno.
 */
static int read_driver(const char *dir, char **driver)
{
	char target[4096], *path, *slash;
	int err = 0;
	ssize_t n;

	*driver = NULL;
	if (asprintf(&path, "%s/driver", dir) < 0)
		return -ENOMEM;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		err = -errno;
	free(path);
	if (err)
		return is_missing(err) ? 0 : err;
	target[n] = '\0';
	slash = strrchr(target, '/');
	*driver = strdup(slash ? slash + 1 : target);
	return *driver ? 0 : -ENOMEM;
}

/*
 * Read the name of the UIO device of the device in @dir, or NULL if it has
 * none. Return 0 or -errno.
 */
static int read_uio(const char *dir, char **uio)
{
	struct dirent *entry;
	char *path;
	int err = 0;
	DIR *d;

	*uio = NULL;
	if (asprintf(&path, "%s/uio", dir) < 0)
		return -ENOMEM;
	d = opendir(path);
	if (!d)
		err = -errno;
	free(path);
	if (err)
		return is_missing(err) ? 0 : err;
	while (!*uio && !err) {
		errno = 0;
		entry = readdir(d);
		if (!entry) {
			err = -errno;
			break;
		}
		if (strncmp(entry->d_name, "uio", 3))
			continue;
		*uio = strdup(entry->d_name);
		if (!*uio)
			err = -ENOMEM;
	}
	closedir(d);
	return is_missing(err) ? 0 : err;
}

/* Free a string of a device. */
static void free_string(const char *text)
{
	free((void *)(uintptr_t)text);
}

void vmbus_device_free(struct vmbus_device *dev)
{
	if (!dev)
		return;
	free_string(dev->driver);
	free_string(dev->uio);
	free_string(dev->path);
	free_string(dev->sysfs);
	free(dev);
}

/* Read what a driver changes. Return 0 or -errno. */
static int read_binding(struct vmbus_device *dev)
{
	char *driver = NULL, *uio = NULL, *path;
	int err = read_driver(dev->sysfs, &driver);

	dev->driver = driver;
	if (!err)
		err = read_uio(dev->sysfs, &uio);
	dev->uio = uio;
	if (err || !uio)
		return err;
	if (asprintf(&path, "%s/dev/%s", sysroot(), uio) < 0)
		return -ENOMEM;
	dev->path = path;
	return 0;
}

/*
 * Read the device whose directory is @sysfs. Return what read_guid() returns,
 * or another -errno.
 */
static int device_read(const char *sysfs, struct vmbus_device **result)
{
	struct device *device = calloc(1, sizeof(*device));
	const struct class *class;
	int err = -ENOMEM;

	if (!device)
		return err;
	device->shown = (struct vmbus_device){
		.struct_size = sizeof(device->shown),
		.instance = device->instance,
		.class_id = device->class_id,
		.sysfs = strdup(sysfs),
	};
	if (!device->shown.sysfs)
		goto err_free;
	/*
	 * Do not parse the name of the directory, because old kernels number
	 * the directories.
	 */
	err = read_guid(sysfs, "device_id", device->instance);
	if (!err)
		err = read_guid(sysfs, "class_id", device->class_id);
	if (!err)
		err = read_binding(&device->shown);
	if (err)
		goto err_free;
	class = class_find(device->class_id);
	if (class)
		device->shown.class_name = class->name;
	*result = &device->shown;
	return 0;

err_free:
	vmbus_device_free(&device->shown);
	return err;
}

static void swap(const char **a, const char **b)
{
	const char *c = *a;

	*a = *b;
	*b = c;
}

int vmbus_device_refresh(struct vmbus_device *dev)
{
	struct vmbus_device *now;
	int err = device_read(dev->sysfs, &now);

	if (err)
		return err;
	if (strcmp(now->instance, dev->instance)) {
		err = -ENODEV;
	} else {
		swap(&dev->driver, &now->driver);
		swap(&dev->uio, &now->uio);
		swap(&dev->path, &now->path);
	}
	vmbus_device_free(now);
	return err;
}

static int by_instance(const void *a, const void *b)
{
	const struct vmbus_device *const *x = a, *const *y = b;

	return strcmp((*x)->instance, (*y)->instance);
}

void vmbus_device_list_free(struct vmbus_device **list)
{
	if (!list)
		return;
	for (size_t i = 0; list[i]; i++)
		vmbus_device_free(list[i]);
	free(list);
}

static int class_guid(const char *id, char guid[GUID_SIZE])
{
	const struct class *class = class_find(id);

	if (class) {
		memcpy(guid, class->guid, GUID_SIZE);
		return 0;
	}
	return guid_parse(id, guid);
}

/* Append @dev to a list of @count devices. Return 0 or -ENOMEM. */
static int append(struct vmbus_device ***list, int count, struct vmbus_device *dev)
{
	struct vmbus_device **more = reallocarray(*list, count + 2, sizeof(*more));

	if (!more)
		return -ENOMEM;
	more[count] = dev;
	more[count + 1] = NULL;
	*list = more;
	return 0;
}

/*
 * Read the device in @path, and append it to the list if it has the class @guid
 * or if @guid is NULL. Return 0, or -ENOMEM with a text. A device that cannot
 * be read does not count as a failure: the function sets *@unreadable to the
 * error of the first such device, with a text.
 */
static int list_device(const char *path, const char *guid, struct vmbus_device ***list, int *count,
		       int *unreadable)
{
	struct vmbus_device *dev;
	int err = device_read(path, &dev);

	if (err && err != -ENODEV && !*unreadable)
		*unreadable =
			fail(err, "%s: %s", path,
			     err == -EPROTO ? "no GUID in device_id or class_id" : strerror(-err));
	if (err)
		return 0;
	if (guid && strcmp(dev->class_id, guid)) {
		vmbus_device_free(dev);
		return 0;
	}
	if (append(list, *count, dev)) {
		vmbus_device_free(dev);
		return fail(-ENOMEM, "out of memory");
	}
	(*count)++;
	return 0;
}

/*
 * List the devices in @folder as list_device() does. Return 0, or -errno with a
 * text.
 */
static int list_folder(const char *folder, const char *guid, struct vmbus_device ***list,
		       int *count, int *unreadable)
{
	struct dirent *entry;
	int err = 0;
	char *path;
	DIR *d;

	d = opendir(folder);
	if (!d)
		return errno == ENOENT ? fail(-ENODEV, "no VMBus here: there is no %s", folder) :
					 fail(-errno, "%s: %s", folder, strerror(errno));
	while (!err) {
		errno = 0;
		entry = readdir(d);
		if (!entry) {
			if (errno)
				err = fail(-errno, "%s: %s", folder, strerror(errno));
			break;
		}
		if (entry->d_name[0] == '.')
			continue;
		if (asprintf(&path, "%s/%s", folder, entry->d_name) < 0) {
			err = fail(-ENOMEM, "out of memory");
			break;
		}
		err = list_device(path, guid, list, count, unreadable);
		free(path);
	}
	closedir(d);
	return err;
}

int vmbus_device_list(const char *class_id, struct vmbus_device ***result)
{
	int count = 0, unreadable = 0, err;
	struct vmbus_device **list;
	char guid[GUID_SIZE];
	char *folder;

	*result = NULL;
	if (class_id && class_guid(class_id, guid))
		return fail(-EINVAL, "'%s' is neither the name of a device class nor a GUID",
			    class_id);
	if (asprintf(&folder, "%s/sys/bus/vmbus/devices", sysroot()) < 0)
		return fail(-ENOMEM, "out of memory");
	list = calloc(1, sizeof(*list));
	err = list ? list_folder(folder, class_id ? guid : NULL, &list, &count, &unreadable) :
		     fail(-ENOMEM, "out of memory");
	free(folder);
	if (err) {
		vmbus_device_list_free(list);
		return err;
	}
	qsort(list, count, sizeof(*list), by_instance);
	*result = list;
	return unreadable ? unreadable : count;
}

/*
 * Find the device whose instance is @guid, or the last device of the class
 * @guid. Return how many there are.
 */
static int pick(struct vmbus_device **list, const char *guid, struct vmbus_device ***at)
{
	int found = 0;

	for (struct vmbus_device **dev = list; *dev; dev++) {
		if (!strcmp((*dev)->instance, guid)) {
			*at = dev;
			return 1;
		}
		if (!strcmp((*dev)->class_id, guid)) {
			*at = dev;
			found++;
		}
	}
	return found;
}

int vmbus_device_find(const char *id, struct vmbus_device **result)
{
	struct vmbus_device **list, **at = NULL;
	char guid[GUID_SIZE];
	int count, found, err = 0;

	*result = NULL;
	if (class_guid(id, guid))
		return fail(-EINVAL, "'%s' is neither the name of a device class nor a GUID", id);
	count = vmbus_device_list(NULL, &list);
	if (!list)
		return count;
	found = pick(list, guid, &at);
	if (found > 1)
		err = fail(-ENOTUNIQ, "%d devices of class '%s': name one by its instance GUID",
			   found, id);
	else if (count < 0 && (!found || strcmp((*at)->instance, guid)))
		err = count; /* The device that cannot be read may have that class. */
	else if (!found)
		err = fail(-ENODEV, "the host offers no device '%s'", id);
	if (!err) {
		no_failure(); /* of another device, which cannot be read */
		/* Take the device out of the list. */
		for (*result = *at; *at; at++)
			at[0] = at[1];
	}
	vmbus_device_list_free(list);
	return err;
}

int vmbus_device_attribute(const struct vmbus_device *dev, const char *name, char *text,
			   size_t size)
{
	char guid[GUID_SIZE];
	int err = size ? read_line(dev->sysfs, name, text, size) : -ENOBUFS;

	if (err == -ENOENT || err == -ENOTDIR)
		return read_guid(dev->sysfs, "device_id", guid) == -ENODEV ? -ENODEV : -ENOENT;
	return err;
}
