// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "compat/sysfs.h"
#include "hvuio.h"

#define HVUIO_RING_DEFAULT SZ_2M
#define HVUIO_RING_UNKNOWN 0x11000

/* The maximum number of classes for which user space may set a size. */
#define HVUIO_RING_CLASSES 32

/*
 * Both rings share one GPADL, which contains only the first Hyper-V page of
 * each header.
 */
#define HVUIO_RING_MAX_SHARED \
	(HVUIO_GPADL_PAGES / 2 * HV_HYP_PAGE_SIZE + PAGE_SIZE - HV_HYP_PAGE_SIZE)
/*
 * Both rings are also one allocation. KMALLOC_MAX_SIZE is the largest possible
 * one, and means the same on all kernels.
 */
#define HVUIO_RING_MAX_PAGES (KMALLOC_MAX_SIZE / 2)

/* A ring has a page for the header and at least one page for data. */
const struct hvuio_limits hvuio_ring_limits = {
	.min = 2 * PAGE_SIZE,
	.max = round_down((HVUIO_RING_MAX_PAGES) > (HVUIO_RING_MAX_SHARED) ? HVUIO_RING_MAX_SHARED :
									     HVUIO_RING_MAX_PAGES,
			  PAGE_SIZE),
};

/*
 * driver_data is the size in bytes that the kernel's own query prefers for a
 * class; 0 is the default. The module cannot use the kernel's table: no header
 * package contains it, older kernels lack it, and its layout varies.
 */
static const struct hv_vmbus_device_id hvuio_ring_sizes[] = {
	{ HV_IDE_GUID },      { HV_SCSI_GUID },
	{ HV_SYNTHFC_GUID },  { HV_NIC_GUID },
	{ HV_ND_GUID },	      { HV_PCIE_GUID },
	{ HV_SYNTHVID_GUID }, { HV_KBD_GUID },
	{ HV_MOUSE_GUID },    { HV_KVP_GUID },
	{ HV_TS_GUID },	      { HV_HEART_BEAT_GUID },
	{ HV_SHUTDOWN_GUID }, { HV_FCOPY_GUID, .driver_data = 0x4000 },
	{ HV_VSS_GUID },      { HV_DM_GUID },
};

/* The sizes that user space chose for later devices; size 0 is a free entry. */
static struct {
	guid_t class;
	u32 size;
} hvuio_ring_chosen[HVUIO_RING_CLASSES];
static DEFINE_MUTEX(hvuio_ring_chosen_lock);

/*
 * Compute the size of a ring from the preferred size. The header needs a system
 * page. A ring of eight headers or more includes it in its size, and a smaller
 * ring gets it in addition. Newer kernels define VMBUS_RING_SIZE in this way.
 * Older kernels always add the header, so two rings of 2 MiB need an allocation
 * that is twice as large as the page allocator can serve.
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

/*
 * Return the size that user space chose for @class, or 0. The caller holds the
 * lock.
 */
static u32 hvuio_ring_choice(const guid_t *class)
{
	size_t i;

	for (i = 0; i < HVUIO_RING_CLASSES; i++)
		if (hvuio_ring_chosen[i].size && guid_equal(&hvuio_ring_chosen[i].class, class))
			return hvuio_ring_chosen[i].size;
	return 0;
}

/*
 * Return the size of one ring in bytes, including its header, for a device of
 * this class.
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

/*
 * Set the size for later devices of a class. @size is within the limits, or 0
 * for the preferred size. Returns 0 or -ENOSPC.
 */
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
 * Print a line with the size of each class that the module knows or user space
 * has chosen a size for, and then a line for all other classes.
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
