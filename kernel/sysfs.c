// SPDX-License-Identifier: GPL-2.0-only
/*
 * This file implements the files in <device>/uio_hv_generic/ of a bound device,
 * and the driver's files, which set sizes for later devices. doc/ABI describes
 * each of them.
 */
#include <linux/ctype.h>
#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/uuid.h>

#include "compat/sysfs.h"
#include "hvuio.h"

/*
 * Read a size that a user wrote. *size is 0 for "default". Returns NULL, or the
 * reason why the module rejects the size.
 */
static const char *hvuio_size_read(const char *text, const struct hvuio_limits *limits, u32 *size)
{
	u64 bytes;
	int ret;

	*size = 0;
	if (sysfs_streq(text, "default"))
		return NULL;
	/* Base 0 would treat a leading zero as octal. */
	ret = kstrtou64(text, !strncasecmp(text, "0x", 2) ? 16 : 10, &bytes);
	if (ret == -ERANGE || (!ret && bytes > limits->max))
		return "too large";
	if (ret)
		return "not a number of bytes";
	if (bytes < limits->min)
		return "too small";
	if (!IS_ALIGNED(bytes, PAGE_SIZE))
		return "not a multiple of the page size";
	*size = bytes;
	return NULL;
}

#define HVUIO_SIZE_REFUSED "%s: %s; give a multiple of %lu from %u to %u, or \"default\"\n"

/*
 * Parse a size for the file @name of a device, or of the driver if @device is
 * NULL. Returns 0, or -EINVAL with the reason in the log.
 */
static int hvuio_size_parse(const struct device *device, const char *name, const char *text,
			    const struct hvuio_limits *limits, u32 *size)
{
	const char *why = hvuio_size_read(text, limits, size);

	if (!why)
		return 0;
	if (device)
		dev_err(device, HVUIO_SIZE_REFUSED, name, why, PAGE_SIZE, limits->min, limits->max);
	else
		pr_err(HVUIO_SIZE_REFUSED, name, why, PAGE_SIZE, limits->min, limits->max);
	return -EINVAL;
}

static ssize_t ring_size_show(struct device *device, struct device_attribute *attr, char *buf)
{
	struct hvuio_device *dev = dev_get_drvdata(device);

	return sysfs_emit(buf, "%u\n", READ_ONCE(dev->ring_size));
}

static ssize_t ring_size_store(struct device *device, struct device_attribute *attr,
			       const char *buf, size_t count)
{
	struct hvuio_device *dev = dev_get_drvdata(device);
	u32 size;
	int ret;

	ret = hvuio_size_parse(device, attr->attr.name, buf, &hvuio_ring_limits, &size);
	if (!ret)
		ret = hvuio_resize_rings(dev, size ?: hvuio_ring_size(&dev->hv->dev_type));
	return ret ?: count;
}
static DEVICE_ATTR_RW(ring_size);

/*
 * Show the state without the lock. The owner of the lock may be waiting for the
 * host, and that is when people read this file.
 */
static ssize_t state_show(struct device *device, struct device_attribute *attr, char *buf)
{
	struct hvuio_device *dev = dev_get_drvdata(device);
	static const char *const names[] = {
		[HVUIO_CLOSED] = "closed", [HVUIO_OPEN] = "open",      [HVUIO_LOST] = "lost",
		[HVUIO_FAILED] = "failed", [HVUIO_REMOVED] = "failed",
	};

	return sysfs_emit(buf, "%s\n", names[READ_ONCE(dev->state)]);
}
static DEVICE_ATTR_RO(state);

static struct attribute *hvuio_device_attrs[] = { &dev_attr_ring_size.attr, &dev_attr_state.attr,
						  NULL };

const struct attribute_group hvuio_device_group = {
	.name = "uio_hv_generic",
	.attrs = hvuio_device_attrs,
};

static ssize_t driver_ring_size_show(struct device_driver *driver, char *buf)
{
	return hvuio_ring_sizes_print(buf);
}

/* Set the size for a class. The text is "<class GUID> <size>". */
static ssize_t driver_ring_size_store(struct device_driver *driver, const char *buf, size_t count)
{
	guid_t class;
	u32 size;
	int ret;

	if (guid_parse(buf, &class) || !isspace(buf[UUID_STRING_LEN])) {
		pr_err("ring_size: give the GUID of a class, without braces, and a size\n");
		return -EINVAL;
	}
	ret = hvuio_size_parse(NULL, "ring_size", skip_spaces(buf + UUID_STRING_LEN),
			       &hvuio_ring_limits, &size);
	if (ret)
		return ret;
	ret = hvuio_ring_size_set(&class, size);
	if (ret)
		pr_err("ring_size: too many classes, set one to \"default\" first\n");
	return ret ?: count;
}

static struct driver_attribute hvuio_driver_ring_size =
	__ATTR(ring_size, 0644, driver_ring_size_show, driver_ring_size_store);

static ssize_t hvuio_driver_buffer_store(const char *name, enum hvuio_map map, const char *buf,
					 size_t count)
{
	u32 size;
	int ret = hvuio_size_parse(NULL, name, buf, &hvuio_buffer_limits, &size);

	if (ret)
		return ret;
	hvuio_buffer_size_set(map, size);
	return count;
}

static ssize_t driver_recv_size_show(struct device_driver *driver, char *buf)
{
	return sysfs_emit(buf, "%u\n", hvuio_buffer_size(HVUIO_MAP_RECV));
}

static ssize_t driver_recv_size_store(struct device_driver *driver, const char *buf, size_t count)
{
	return hvuio_driver_buffer_store("recv_size", HVUIO_MAP_RECV, buf, count);
}

static struct driver_attribute hvuio_driver_recv_size =
	__ATTR(recv_size, 0644, driver_recv_size_show, driver_recv_size_store);

static ssize_t driver_send_size_show(struct device_driver *driver, char *buf)
{
	return sysfs_emit(buf, "%u\n", hvuio_buffer_size(HVUIO_MAP_SEND));
}

static ssize_t driver_send_size_store(struct device_driver *driver, const char *buf, size_t count)
{
	return hvuio_driver_buffer_store("send_size", HVUIO_MAP_SEND, buf, count);
}

static struct driver_attribute hvuio_driver_send_size =
	__ATTR(send_size, 0644, driver_send_size_show, driver_send_size_store);

static struct attribute *hvuio_driver_attrs[] = { &hvuio_driver_ring_size.attr,
						  &hvuio_driver_recv_size.attr,
						  &hvuio_driver_send_size.attr, NULL };

static const struct attribute_group hvuio_driver_group = {
	.attrs = hvuio_driver_attrs,
};

const struct attribute_group *hvuio_driver_groups[] = { &hvuio_driver_group, NULL };
