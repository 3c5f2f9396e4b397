// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Devices as sysfs shows them. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

static const char *root(const char *variable, const char *otherwise)
{
	const char *dir = secure_getenv(variable);

	return dir && *dir ? dir : otherwise;
}

const char *sysfs_root(void)
{
	return root("VMBUS_SYSFS", "/sys");
}

const char *dev_root(void)
{
	return root("VMBUS_DEV", "/dev");
}

int read_attribute(const char *dir, const char *name, char *text, size_t size)
{
	char *path;
	ssize_t n;
	int fd, err = 0;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	free(path);
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	if (n < 0)
		err = -errno;
	close(fd);
	if (err)
		return err;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

int read_attribute_u64(const char *dir, const char *name, uint64_t *value)
{
	char text[32], *end;
	int err = read_attribute(dir, name, text, sizeof(text));

	if (err)
		return err;
	errno = 0;
	*value = strtoull(text, &end, 0);
	return errno || end == text || *end || text[0] == '-' ? -EINVAL : 0;
}

/* Whether @err means that a device is gone, or lacks what was looked for */
static bool is_missing(int err)
{
	return err == -ENOENT || err == -ENODEV || err == -ENOTDIR;
}

/* 0, -ENODEV (gone, or no GUID), or what reading returned */
static int read_guid(const char *dir, const char *name, char guid[VMBUS_GUID_SIZE])
{
	char text[64];
	int err = read_attribute(dir, name, text, sizeof(text));

	if (err)
		return is_missing(err) ? -ENODEV : err;
	return vmbus_guid_parse(text, guid) ? -ENODEV : 0;
}

/* The name of the driver that has the device in @dir, NULL when none has; 0 or -errno */
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

/* The name of the UIO device of the device in @dir, NULL when it has none; 0 or -errno */
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

void vmbus_device_free(struct vmbus_device *dev)
{
	if (!dev)
		return;
	free(dev->driver);
	free(dev->uio);
	free(dev->path);
	free(dev->sysfs);
	free(dev);
}

/* 0, -ENODEV (gone, or no device), or what reading returned */
static int device_read(const char *folder, const char *name, struct vmbus_device **result)
{
	struct vmbus_device *dev = calloc(1, sizeof(*dev));
	int err = -ENOMEM;

	if (!dev)
		return err;
	if (asprintf(&dev->sysfs, "%s/%s", folder, name) < 0) {
		dev->sysfs = NULL;
		goto err_free;
	}
	/* Not the folder's name: old kernels number them. */
	err = read_guid(dev->sysfs, "device_id", dev->instance);
	if (!err)
		err = read_guid(dev->sysfs, "class_id", dev->class_id);
	if (!err)
		err = read_driver(dev->sysfs, &dev->driver);
	if (!err)
		err = read_uio(dev->sysfs, &dev->uio);
	if (err)
		goto err_free;
	if (dev->uio && asprintf(&dev->path, "%s/%s", dev_root(), dev->uio) < 0) {
		dev->path = NULL;
		err = -ENOMEM;
		goto err_free;
	}
	*result = dev;
	return 0;

err_free:
	vmbus_device_free(dev);
	return err;
}

static char *copy_string(const char *s, bool *failed)
{
	char *copy = s ? strdup(s) : NULL;

	*failed |= s && !copy;
	return copy;
}

struct vmbus_device *device_copy(const struct vmbus_device *dev)
{
	struct vmbus_device *copy = calloc(1, sizeof(*copy));
	bool failed = false;

	if (!copy)
		return NULL;
	*copy = *dev;
	copy->driver = copy_string(dev->driver, &failed);
	copy->uio = copy_string(dev->uio, &failed);
	copy->path = copy_string(dev->path, &failed);
	copy->sysfs = copy_string(dev->sysfs, &failed);
	if (failed) {
		vmbus_device_free(copy);
		return NULL;
	}
	return copy;
}

static int by_instance(const void *a, const void *b)
{
	const struct vmbus_device *const *x = a, *const *y = b;

	return strcmp((*x)->instance, (*y)->instance);
}

void vmbus_devices_free(struct vmbus_device **list)
{
	if (!list)
		return;
	for (size_t i = 0; list[i]; i++)
		vmbus_device_free(list[i]);
	free(list);
}

static int class_guid(const char *id, char guid[VMBUS_GUID_SIZE])
{
	const struct vmbus_class *class = vmbus_class_find(id);

	if (class) {
		memcpy(guid, class->guid, VMBUS_GUID_SIZE);
		return 0;
	}
	return vmbus_guid_parse(id, guid);
}

int vmbus_devices_list(const char *class_id, struct vmbus_device ***result)
{
	char guid[VMBUS_GUID_SIZE];
	struct vmbus_device **list, **more, *dev = NULL;
	struct dirent *entry;
	char *folder;
	int count = 0, err;
	DIR *d;

	if (class_id && class_guid(class_id, guid))
		return fail(-EINVAL, "'%s' is neither the name of a device class nor a GUID",
			    class_id);
	if (asprintf(&folder, "%s/bus/vmbus/devices", sysfs_root()) < 0)
		return fail(-ENOMEM, "out of memory");
	d = opendir(folder);
	if (!d) {
		err = errno == ENOENT ?
			fail(-ENODEV, "no VMBus here: there is no %s", folder) :
			fail(-errno, "%s: %s", folder, strerror(errno));
		goto err_folder;
	}
	list = calloc(1, sizeof(*list));
	if (!list)
		goto err_memory;
	for (;;) {
		errno = 0;
		entry = readdir(d);
		if (!entry) {
			if (!errno)
				break;
			err = fail(-errno, "%s: %s", folder, strerror(errno));
			goto err_list;
		}
		if (entry->d_name[0] == '.')
			continue;
		err = device_read(folder, entry->d_name, &dev);
		if (err == -ENODEV)
			continue;
		if (err) {
			fail(err, "%s/%s: %s", folder, entry->d_name, strerror(-err));
			goto err_list;
		}
		if (class_id && strcmp(dev->class_id, guid)) {
			vmbus_device_free(dev);
			continue;
		}
		more = reallocarray(list, count + 2, sizeof(*list));
		if (!more) {
			vmbus_device_free(dev);
			goto err_memory;
		}
		list = more;
		list[count++] = dev;
		list[count] = NULL;
	}
	closedir(d);
	free(folder);
	qsort(list, count, sizeof(*list), by_instance);
	*result = list;
	return count;

err_memory:
	err = fail(-ENOMEM, "out of memory");
err_list:
	vmbus_devices_free(list);
	closedir(d);
err_folder:
	free(folder);
	return err;
}

/* The device whose instance is @guid, or else the last of that class; returns how many there are */
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

int vmbus_device_find(const char *id, struct vmbus_device **dev)
{
	char guid[VMBUS_GUID_SIZE];
	struct vmbus_device **list, **at = NULL, **last;
	int count, found;

	if (class_guid(id, guid))
		return fail(-EINVAL, "'%s' is neither the name of a device class nor a GUID", id);
	count = vmbus_devices_list(NULL, &list);
	if (count < 0)
		return count;
	found = pick(list, guid, &at);
	if (found == 1) {
		last = &list[count - 1];
		*dev = *at;
		*at = *last;
		*last = NULL;
	}
	vmbus_devices_free(list);
	if (found == 1)
		return 0;
	if (found > 1)
		return fail(-ENOTUNIQ, "%d devices of class '%s': name one by its instance GUID",
			    found, id);
	return fail(-ENODEV, "the host offers no device '%s'", id);
}

const char *vmbus_device_instance(const struct vmbus_device *dev)
{
	return dev->instance;
}

const char *vmbus_device_class(const struct vmbus_device *dev)
{
	return dev->class_id;
}

const char *vmbus_device_class_name(const struct vmbus_device *dev)
{
	const struct vmbus_class *class = vmbus_class_find(dev->class_id);

	return class ? class->name : NULL;
}

const char *vmbus_device_driver(const struct vmbus_device *dev)
{
	return dev->driver;
}

const char *vmbus_device_uio(const struct vmbus_device *dev)
{
	return dev->uio;
}

const char *vmbus_device_path(const struct vmbus_device *dev)
{
	return dev->path;
}

const char *vmbus_device_sysfs(const struct vmbus_device *dev)
{
	return dev->sysfs;
}
