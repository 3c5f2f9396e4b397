// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "compat/sysfs.h"
#include "hvuio.h"

#define HVUIO_RING_UNKNOWN 0x11000

/*
 * The number of entries for classes: the module knows 16, and user space may
 * choose a size for 32 others.
 */
#define HVUIO_RING_CLASSES (16 + 32)

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
 * The sizes in bytes for classes of devices. The kernel's own query has the
 * same preferred sizes, but the module cannot use its table: no header package
 * contains it, older kernels lack it, and its layout varies. An entry without a
 * size is free.
 */
static struct hvuio_ring_class {
	guid_t guid;
	u32 preferred; /* 0 if the module does not know the class */
	u32 chosen;    /* for later devices, by user space; 0 if there is no choice */
} hvuio_ring_classes[HVUIO_RING_CLASSES] = {
	{ HV_IDE_GUID, .preferred = SZ_2M },	  { HV_SCSI_GUID, .preferred = SZ_2M },
	{ HV_SYNTHFC_GUID, .preferred = SZ_2M },  { HV_NIC_GUID, .preferred = SZ_2M },
	{ HV_ND_GUID, .preferred = SZ_2M },	  { HV_PCIE_GUID, .preferred = SZ_2M },
	{ HV_SYNTHVID_GUID, .preferred = SZ_2M }, { HV_KBD_GUID, .preferred = SZ_2M },
	{ HV_MOUSE_GUID, .preferred = SZ_2M },	  { HV_KVP_GUID, .preferred = SZ_2M },
	{ HV_TS_GUID, .preferred = SZ_2M },	  { HV_HEART_BEAT_GUID, .preferred = SZ_2M },
	{ HV_SHUTDOWN_GUID, .preferred = SZ_2M }, { HV_FCOPY_GUID, .preferred = 0x4000 },
	{ HV_VSS_GUID, .preferred = SZ_2M },	  { HV_DM_GUID, .preferred = SZ_2M },
};

static DEFINE_MUTEX(hvuio_ring_classes_lock);

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

/* Return the size for the class of an entry, or 0 if the entry is free. */
static u32 hvuio_ring_class_size(const struct hvuio_ring_class *it)
{
	if (it->chosen || !it->preferred)
		return it->chosen;
	return hvuio_ring_size_of(it->preferred);
}

/*
 * Return the entry of @class, or the first free entry, or NULL. The caller
 * holds the lock.
 */
static struct hvuio_ring_class *hvuio_ring_class_find(const guid_t *class)
{
	struct hvuio_ring_class *it, *free = NULL;

	for (it = hvuio_ring_classes; it < hvuio_ring_classes + HVUIO_RING_CLASSES; it++) {
		if (!hvuio_ring_class_size(it))
			free = free ?: it;
		else if (guid_equal(&it->guid, class))
			return it;
	}
	return free;
}

/*
 * Return the size of one ring in bytes, including its header, for a device of
 * this class.
 */
u32 hvuio_ring_size(const guid_t *class)
{
	const struct hvuio_ring_class *it;
	u32 size;

	mutex_lock(&hvuio_ring_classes_lock);
	it = hvuio_ring_class_find(class);
	size = it ? hvuio_ring_class_size(it) : 0;
	mutex_unlock(&hvuio_ring_classes_lock);
	return size ?: hvuio_ring_size_of(HVUIO_RING_UNKNOWN);
}

/*
 * Set the size for later devices of a class. @size is within the limits, or 0
 * for the preferred size. Returns 0 or -ENOSPC.
 */
int hvuio_ring_size_set(const guid_t *class, u32 size)
{
	struct hvuio_ring_class *it;

	mutex_lock(&hvuio_ring_classes_lock);
	it = hvuio_ring_class_find(class);
	if (it) {
		it->guid = *class;
		it->chosen = size;
	}
	mutex_unlock(&hvuio_ring_classes_lock);
	return it || !size ? 0 : -ENOSPC;
}

/*
 * Print a line with the size of each class that the module knows or user space
 * has chosen a size for, and then a line for all other classes.
 */
int hvuio_ring_sizes_print(char *buf)
{
	const struct hvuio_ring_class *it;
	int at = 0;
	u32 size;

	mutex_lock(&hvuio_ring_classes_lock);
	for (it = hvuio_ring_classes; it < hvuio_ring_classes + HVUIO_RING_CLASSES; it++) {
		size = hvuio_ring_class_size(it);
		if (size)
			at += sysfs_emit_at(buf, at, "%pUl %u\n", &it->guid, size);
	}
	mutex_unlock(&hvuio_ring_classes_lock);
	at += sysfs_emit_at(buf, at, "other %u\n", hvuio_ring_size_of(HVUIO_RING_UNKNOWN));
	return at;
}
