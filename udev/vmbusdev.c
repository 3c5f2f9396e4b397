// SPDX-License-Identifier: GPL-2.0-only
#include "vmbusdev.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *root = "";

const char *class_name(const char *class)
{
	const struct vmbus_class *known = vmbus_class_find(class);

	return known ? known->name : NULL;
}

static int __attribute__((format(printf, 2, 0))) rooted(char *path, const char *format, va_list args)
{
	int n = snprintf(path, PATH_MAX, "%s", root);
	int m;

	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	m = vsnprintf(path + n, PATH_MAX - n, format, args);
	return m >= PATH_MAX - n ? -ENAMETOOLONG : 0;
}

int read_line(char *buf, size_t size, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	ssize_t n;
	int fd, ret;
	char *end;

	va_start(args, format);
	ret = rooted(path, format, args);
	va_end(args);
	if (ret)
		return ret;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	ret = n < 0 ? -errno : 0;
	close(fd);
	if (ret)
		return ret;
	buf[n] = '\0';
	end = strchr(buf, '\n');
	if (!end && (size_t)n == size - 1)
		return -EMSGSIZE;
	if (end)
		*end = '\0';
	return strlen(buf);
}

bool exists(const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	int ret;

	va_start(args, format);
	ret = rooted(path, format, args);
	va_end(args);
	return !ret && !access(path, F_OK);
}

int dev_read_driver(struct vmbus_dev *dev)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *base;
	ssize_t n;

	dev->driver[0] = '\0';
	if (snprintf(path, sizeof(path), "%s/sys/bus/vmbus/devices/%s/driver", root, dev->instance) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0) {
		if (errno != ENOENT)
			return -errno;
		return exists("/sys/bus/vmbus/devices/%s/class_id", dev->instance) ? 0 : -ENODEV;
	}
	target[n] = '\0';
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	if (strlen(base) > DRIVER_NAME_MAX)
		return -ENAMETOOLONG;
	strcpy(dev->driver, base);
	return 0;
}

int dev_read(struct vmbus_dev *dev, const char *instance)
{
	char class[64];
	int ret;

	if (vmbus_guid_parse(instance, dev->instance))
		return -EINVAL;
	ret = read_line(class, sizeof(class), "/sys/bus/vmbus/devices/%s/class_id", dev->instance);
	if (ret < 0)
		return ret == -ENOENT ? -ENODEV : ret;
	if (vmbus_guid_parse(class, dev->class))
		return -EPROTO;
	return dev_read_driver(dev);
}

static int is_instance(const struct dirent *entry)
{
	char guid[VMBUS_GUID_SIZE];

	return !vmbus_guid_parse(entry->d_name, guid);
}

int dev_list(struct vmbus_dev **devs, size_t *count)
{
	char path[PATH_MAX];
	struct dirent **entries;
	int n, ret = 0;

	*devs = NULL;
	*count = 0;
	if (snprintf(path, sizeof(path), "%s/sys/bus/vmbus/devices", root) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	n = scandir(path, &entries, is_instance, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	*devs = calloc(n ? n : 1, sizeof(**devs));
	if (!*devs)
		ret = -ENOMEM;
	for (int i = 0; i < n; i++) {
		if (!ret) {
			struct vmbus_dev *dev = &(*devs)[*count];

			*dev = (struct vmbus_dev){ 0 };
			dev->error = dev_read(dev, entries[i]->d_name);
			if (dev->error != -ENODEV) /* rescinded since the listing */
				(*count)++;
		}
		free(entries[i]);
	}
	free(entries);
	return ret;
}
