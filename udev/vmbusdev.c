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
#include <uuid/uuid.h>

const char *root = "";

static const struct {
	const char *name;
	const char *guid;
} classes[] = {
	{ "ide",      "32412632-86cb-44a2-9b5c-50d1417354f5" },
	{ "scsi",     "ba6163d9-04a1-4d29-b605-72e2ffb1dc7f" },
	{ "fc",       "2f9bcc4a-0069-4af3-b76b-6fd0be528cda" },
	{ "nic",      "f8615163-df3e-46c5-913f-f2d2f965ed0e" },
	{ "nd",       "8c2eaf3d-32a7-4b09-ab99-bd1f1c86b501" },
	{ "pcie",     "44c4f61d-4444-4400-9d52-802e27ede19f" },
	{ "fb",       "da0a7802-e377-4aac-8e77-0558eb1073f8" },
	{ "kbd",      "f912ad6d-2b17-48ea-bd65-f927a61c7684" },
	{ "mouse",    "cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a" },
	{ "kvp",      "a9a0f4e7-5a45-4d96-b827-8a841e8c03e6" },
	{ "ts",       "9527e630-d0ae-497b-adce-e80ab0175caf" },
	{ "hb",       "57164f39-9115-4e78-ab55-382f3bd5422d" },
	{ "shutdown", "0e0b6031-5213-4934-818b-38d90ced39db" },
	{ "fcopy",    "34d14be3-dee4-41c8-9ae7-6b174977c192" },
	{ "backup",   "35fa2e29-ea23-4236-96ae-3a6ebacba440" },
	{ "dm",       "525074dc-8985-46e2-8057-a307dc18a502" },
};

int guid_parse(char out[GUID_LEN + 1], const char *in)
{
	char bare[GUID_LEN + 1];
	size_t len = strlen(in);
	uuid_t uuid;

	if (len == GUID_LEN + 2 && in[0] == '{' && in[len - 1] == '}') {
		in++;
		len -= 2;
	}
	if (len != GUID_LEN)
		return -EINVAL;
	memcpy(bare, in, len);
	bare[len] = '\0';
	if (uuid_parse(bare, uuid))
		return -EINVAL;
	uuid_unparse_lower(uuid, out);
	return 0;
}

const char *class_name(const char *class)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (!strcmp(classes[i].guid, class))
			return classes[i].name;
	return NULL;
}

const char *class_guid(const char *name)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (!strcmp(classes[i].name, name))
			return classes[i].guid;
	return NULL;
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

	if (guid_parse(dev->instance, instance))
		return -EINVAL;
	ret = read_line(class, sizeof(class), "/sys/bus/vmbus/devices/%s/class_id", dev->instance);
	if (ret < 0)
		return ret == -ENOENT ? -ENODEV : ret;
	if (guid_parse(dev->class, class))
		return -EPROTO;
	return dev_read_driver(dev);
}

static int is_instance(const struct dirent *entry)
{
	char guid[GUID_LEN + 1];

	return !guid_parse(guid, entry->d_name);
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
		if (!ret)
			ret = dev_read(&(*devs)[*count], entries[i]->d_name);
		if (!ret)
			(*count)++;
		else if (ret == -ENODEV)
			ret = 0; /* rescinded since the listing */
		free(entries[i]);
	}
	free(entries);
	if (ret) {
		free(*devs);
		*devs = NULL;
		*count = 0;
	}
	return ret;
}
