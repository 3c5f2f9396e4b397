// SPDX-License-Identifier: GPL-2.0-only
#include <linux/sizes.h>

#include "hvuio.h"

#define HVUIO_RING_DEFAULT	SZ_2M
#define HVUIO_RING_UNKNOWN	0x11000

/*
 * Bytes that the kernel's own query prefers for a class, in driver_data; 0 is the default. The
 * kernel's table is neither in its header packages nor in older kernels, and its layout varies.
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
 * The size of one ring in bytes, for a class of devices. The header takes a system page; a ring
 * of eight headers or more gives it from its own size, a smaller one gets it on top. Newer kernels
 * define VMBUS_RING_SIZE so; older ones always add it, which makes of 2 MiB + 2 MiB an
 * allocation twice as large as the page allocator can serve.
 */
u32 hvuio_ring_size(const guid_t *class)
{
	u32 size = HVUIO_RING_UNKNOWN;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hvuio_ring_sizes); i++) {
		if (!guid_equal(&hvuio_ring_sizes[i].guid, class))
			continue;
		size = hvuio_ring_sizes[i].driver_data ?: HVUIO_RING_DEFAULT;
		break;
	}
	if (size < 8 * sizeof(struct hv_ring_buffer))
		size += sizeof(struct hv_ring_buffer);
	return PAGE_ALIGN(size);
}
