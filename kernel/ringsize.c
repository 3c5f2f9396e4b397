// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "compat/sysfs.h"
#include "hvuio.h"

#define HVUIO_RING_DEFAULT	SZ_2M
#define HVUIO_RING_UNKNOWN	0x11000

/* Classes that user space may set a size for. */
#define HVUIO_RING_CLASSES	32

/*
 * Both rings are one GPADL, in which only the Hyper-V page of each header
 * counts ...
 */
#define HVUIO_RING_MAX_SHARED	(HVUIO_GPADL_PAGES / 2 * HV_HYP_PAGE_SIZE + \
				 PAGE_SIZE - HV_HYP_PAGE_SIZE)
/*
 * ... and one allocation: this is the largest, under a name that means the same
 * on all kernels.
 */
#define HVUIO_RING_MAX_PAGES	(KMALLOC_MAX_SIZE / 2)

/* A header page and at least one of data. */
const struct hvuio_limits hvuio_ring_limits = {
	.min = 2 * PAGE_SIZE,
	.max = round_down((HVUIO_RING_MAX_PAGES) > (HVUIO_RING_MAX_SHARED) ?
			  HVUIO_RING_MAX_SHARED : HVUIO_RING_MAX_PAGES, PAGE_SIZE),
};

/*
 * Bytes that the kernel's own query prefers for a class, in driver_data; 0 is
 * the default. The kernel's table is neither in its header packages nor in
 * older kernels, and its layout varies.
 */
static const struct hv_vmbus_device_id hvuio_ring_sizes[] = {
	{ HV_IDE_GUID },
	{ HV_SCSI_GUID },
	{ HV_SYNTHFC_GUID },
	{ HV_NIC_GUID },
	{ HV_ND_GUID },
	{ HV_PCIE_GUID },
	{ HV_SYNTHVID_GUID },
	{ HV_KBD_GUID },
	{ HV_MOUSE_GUID },
	{ HV_KVP_GUID },
	{ HV_TS_GUID },
	{ HV_HEART_BEAT_GUID },
	{ HV_SHUTDOWN_GUID },
	{ HV_FCOPY_GUID, .driver_data = 0x4000 },
	{ HV_VSS_GUID },
	{ HV_DM_GUID },
};

/*
 * What user space chose for the devices that are bound from now on; size 0 is a
 * free place.
 */
static struct {
	guid_t class;
	u32 size;
} hvuio_ring_chosen[HVUIO_RING_CLASSES];
static DEFINE_MUTEX(hvuio_ring_chosen_lock);

/*
 * The answer of the query. The header takes a system page; a ring of eight
 * headers or more gives it from its own size, a smaller one gets it on top.
 * Newer kernels define VMBUS_RING_SIZE so; older ones always add it, which
 * makes of 2 MiB + 2 MiB an allocation twice as large as the page allocator can
 * serve.
 */
static u32 hvuio_ring_size_of(u32 preferred)
{
	if (preferred < 8 * sizeof(struct hv_ring_buffer))
		preferred += sizeof(struct hv_ring_buffer);
	return PAGE_ALIGN(preferred);
}

static const struct hv_vmbus_device_id *hvuio_ring_known(const guid_t *class)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hvuio_ring_sizes); i++)
		if (guid_equal(&hvuio_ring_sizes[i].guid, class))
			return &hvuio_ring_sizes[i];
	return NULL;
}

/* The choice for @class, or 0. Under the lock. */
static u32 hvuio_ring_choice(const guid_t *class)
{
	size_t i;

	for (i = 0; i < HVUIO_RING_CLASSES; i++)
		if (hvuio_ring_chosen[i].size && guid_equal(&hvuio_ring_chosen[i].class, class))
			return hvuio_ring_chosen[i].size;
	return 0;
}

/*
 * The size of one ring in bytes, header included, for a device of this class.
 */
u32 hvuio_ring_size(const guid_t *class)
{
	const struct hv_vmbus_device_id *known = hvuio_ring_known(class);
	u32 size;

	mutex_lock(&hvuio_ring_chosen_lock);
	size = hvuio_ring_choice(class);
	mutex_unlock(&hvuio_ring_chosen_lock);
	if (size)
		return size;
	if (!known)
		return hvuio_ring_size_of(HVUIO_RING_UNKNOWN);
	return hvuio_ring_size_of(known->driver_data ?: HVUIO_RING_DEFAULT);
}

/* @size is in the limits, or 0 for what the query says. 0 or -ENOSPC. */
int hvuio_ring_size_set(const guid_t *class, u32 size)
{
	size_t i, place = HVUIO_RING_CLASSES;
	int ret = 0;

	mutex_lock(&hvuio_ring_chosen_lock);
	for (i = 0; i < HVUIO_RING_CLASSES; i++) {
		if (!hvuio_ring_chosen[i].size) {
			place = min(place, i);
		} else if (guid_equal(&hvuio_ring_chosen[i].class, class)) {
			place = i;
			break;
		}
	}
	if (place < HVUIO_RING_CLASSES) {
		hvuio_ring_chosen[place].class = *class;
		hvuio_ring_chosen[place].size = size;
	} else if (size) {
		ret = -ENOSPC;
	}
	mutex_unlock(&hvuio_ring_chosen_lock);
	return ret;
}

/*
 * The query as text: a line for each class that it, or user space, knows, then
 * the others.
 */
int hvuio_ring_sizes_print(char *buf)
{
	int at = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hvuio_ring_sizes); i++)
		at += sysfs_emit_at(buf, at, "%pUl %u\n", &hvuio_ring_sizes[i].guid,
				    hvuio_ring_size(&hvuio_ring_sizes[i].guid));
	mutex_lock(&hvuio_ring_chosen_lock);
	for (i = 0; i < HVUIO_RING_CLASSES; i++)
		if (hvuio_ring_chosen[i].size && !hvuio_ring_known(&hvuio_ring_chosen[i].class))
			at += sysfs_emit_at(buf, at, "%pUl %u\n", &hvuio_ring_chosen[i].class,
					    hvuio_ring_chosen[i].size);
	mutex_unlock(&hvuio_ring_chosen_lock);
	at += sysfs_emit_at(buf, at, "other %u\n", hvuio_ring_size_of(HVUIO_RING_UNKNOWN));
	return at;
}
