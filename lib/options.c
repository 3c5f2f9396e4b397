// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * This file copies structs that later versions may extend from the program and
 * to it, and applies the options of opening a channel.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

/*
 * No struct of any version is larger. If struct_size is larger, the program has
 * not set it.
 */
#define STRUCT_SIZE_MAX 4096u

int copy_struct(void *to, size_t size, const void *from, size_t from_size, size_t first_size)
{
	const unsigned char *more = from;

	if (from_size < first_size)
		return fail(
			-EINVAL,
			"struct_size of %zu: this struct has %zu bytes in version 0.1, and %zu in this one",
			from_size, first_size, size);
	if (from_size > STRUCT_SIZE_MAX)
		return fail(-E2BIG, "struct_size of %zu: no struct is that large", from_size);
	for (size_t i = size; i < from_size; i++)
		if (more[i])
			return fail(
				-E2BIG,
				"struct_size of %zu: this version knows %zu bytes, and the byte at %zu is not 0",
				from_size, size, i);
	memset(to, 0, size);
	memcpy(to, from, from_size < size ? from_size : size);
	return 0;
}

void copy_out(void *to, size_t to_size, const void *from, size_t size)
{
	memset(to, 0, to_size);
	memcpy(to, from, to_size < size ? to_size : size);
}

int copy_open_options(const struct vmbus_open_options *from, struct vmbus_open_options *to)
{
	int err;

	*to = (struct vmbus_open_options){ .struct_size = sizeof(*to) };
	if (!from)
		return 0;
	err = copy_struct(to, sizeof(*to), from, from->struct_size, OPEN_OPTIONS_SIZE_0_1);
	if (err)
		return err;
	/* The copy has the size of this version, whatever the program's has. */
	to->struct_size = sizeof(*to);
	return check_open_flags(to->flags);
}

int check_open_flags(uint32_t flags)
{
	const uint32_t known =
		VMBUS_OPEN_POLL | VMBUS_OPEN_SENDERS | VMBUS_OPEN_SPIN | VMBUS_OPEN_EXCLUSIVE;

	return flags & ~known ? fail(-EINVAL, "flags 0x%x: only 0x%x are known", flags, known) : 0;
}

/*
 * Write @value to the attribute at @path, which may be a plain file in a test.
 * The function leaves no text.
 */
static int write_attribute(const char *path, uint64_t value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_TRUNC), err = 0;

	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%llu", (unsigned long long)value) < 0)
		err = -errno;
	close(fd);
	return err;
}

int set_ring_size(struct vmbus_device *dev, uint32_t ring_size)
{
	uint64_t now;
	char *path;
	int err;

	err = device_u64(dev, RING_SIZE_ATTRIBUTE, &now);
	if (!err && now == ring_size)
		return 0;
	/*
	 * An unbind removes the link to the driver before this attribute, and
	 * the UIO device last.
	 */
	if (err == -ENOENT && (vmbus_device_refresh(dev) || !dev->driver))
		return fail(-ENODEV, "%s: its driver is letting it go", dev->instance);
	if (err == -ENOENT)
		return fail(-EOPNOTSUPP, "%s: the driver %s has no ring size to set", dev->instance,
			    dev->driver);
	if (asprintf(&path, "%s/" RING_SIZE_ATTRIBUTE, dev->sysfs) < 0)
		return fail(-ENOMEM, "out of memory");
	if (!err)
		err = write_attribute(path, ring_size);
	if (err == -EINVAL)
		fail(err,
		     "%s: a ring size of %u: it has to be a multiple of the page size, %zu, and at least two pages; the kernel log names the largest",
		     path, ring_size, page_size());
	else if (err)
		fail(err, "%s: a ring size of %u: %s", path, ring_size, strerror(-err));
	free(path);
	return err;
}
