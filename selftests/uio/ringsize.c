// SPDX-License-Identifier: GPL-2.0-only
/*
 * This program tests the ring-size query of the module, kernel/ringsize.c, for
 * one page size (PAGE_SIZE), because the kernels of the tests have only pages
 * of 4 KiB. The expected values are those of the kernel's own query and of
 * VMBUS_RING_SIZE().
 */
#include <ctype.h>
#include <stdint.h>

#include "../kselftest/ktap.h"

/* The parts of the kernel that the query needs */
typedef uint32_t u32;
typedef struct {
	uint32_t first;
	uint16_t second, third;
	uint8_t rest[8];
} guid_t;
struct hv_vmbus_device_id {
	guid_t guid;
	unsigned long driver_data;
};
struct hv_ring_buffer {
	uint8_t page[PAGE_SIZE];
};
struct mutex {
	int unused;
};
#define DEFINE_MUTEX(name)	    struct mutex name
#define mutex_lock(lock)	    ((void)(lock))
#define mutex_unlock(lock)	    ((void)(lock))
#define ARRAY_SIZE(array)	    (sizeof(array) / sizeof((array)[0]))
#define min(a, b)		    ((a) < (b) ? (a) : (b))
#define guid_equal(a, b)	    (!memcmp(a, b, sizeof(guid_t)))
#define round_down(n, size)	    ((n) / (size) * (size))
#define PAGE_ALIGN(n)		    (((n) + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE)
#define SZ_2M			    0x200000
#define HV_HYP_PAGE_SIZE	    4096
#define sysfs_emit_at(buf, at, ...) ((void)(buf), 0)

#define GUID(first, second, third, ...) .guid = { first, second, third, { __VA_ARGS__ } }
#define HV_IDE_GUID			GUID(0x32412632, 0x86cb, 0x44a2, 0x9b, 0x5c, 0x50, 0xd1, 0x41, 0x73, 0x54, 0xf5)
#define HV_SCSI_GUID \
	GUID(0xba6163d9, 0x04a1, 0x4d29, 0xb6, 0x05, 0x72, 0xe2, 0xff, 0xb1, 0xdc, 0x7f)
#define HV_SYNTHFC_GUID \
	GUID(0x2f9bcc4a, 0x0069, 0x4af3, 0xb7, 0x6b, 0x6f, 0xd0, 0xbe, 0x52, 0x8c, 0xda)
#define HV_NIC_GUID GUID(0xf8615163, 0xdf3e, 0x46c5, 0x91, 0x3f, 0xf2, 0xd2, 0xf9, 0x65, 0xed, 0x0e)
#define HV_ND_GUID  GUID(0x8c2eaf3d, 0x32a7, 0x4b09, 0xab, 0x99, 0xbd, 0x1f, 0x1c, 0x86, 0xb5, 0x01)
#define HV_PCIE_GUID \
	GUID(0x44c4f61d, 0x4444, 0x4400, 0x9d, 0x52, 0x80, 0x2e, 0x27, 0xed, 0xe1, 0x9f)
#define HV_SYNTHVID_GUID \
	GUID(0xda0a7802, 0xe377, 0x4aac, 0x8e, 0x77, 0x05, 0x58, 0xeb, 0x10, 0x73, 0xf8)
#define HV_KBD_GUID GUID(0xf912ad6d, 0x2b17, 0x48ea, 0xbd, 0x65, 0xf9, 0x27, 0xa6, 0x1c, 0x76, 0x84)
#define HV_MOUSE_GUID \
	GUID(0xcfa8b69e, 0x5b4a, 0x4cc0, 0xb9, 0x8b, 0x8b, 0xa1, 0xa1, 0xf3, 0xf9, 0x5a)
#define HV_KVP_GUID GUID(0xa9a0f4e7, 0x5a45, 0x4d96, 0xb8, 0x27, 0x8a, 0x84, 0x1e, 0x8c, 0x03, 0xe6)
#define HV_TS_GUID  GUID(0x9527e630, 0xd0ae, 0x497b, 0xad, 0xce, 0xe8, 0x0a, 0xb0, 0x17, 0x5c, 0xaf)
#define HV_HEART_BEAT_GUID \
	GUID(0x57164f39, 0x9115, 0x4e78, 0xab, 0x55, 0x38, 0x2f, 0x3b, 0xd5, 0x42, 0x2d)
#define HV_SHUTDOWN_GUID \
	GUID(0x0e0b6031, 0x5213, 0x4934, 0x81, 0x8b, 0x38, 0xd9, 0x0c, 0xed, 0x39, 0xdb)
#define HV_FCOPY_GUID \
	GUID(0x34d14be3, 0xdee4, 0x41c8, 0x9a, 0xe7, 0x6b, 0x17, 0x49, 0x77, 0xc1, 0x92)
#define HV_VSS_GUID GUID(0x35fa2e29, 0xea23, 0x4236, 0x96, 0xae, 0x3a, 0x6e, 0xba, 0xcb, 0xa4, 0x40)
#define HV_DM_GUID  GUID(0x525074dc, 0x8985, 0x46e2, 0x80, 0x57, 0xa3, 0x07, 0xdc, 0x18, 0xa5, 0x02)

/*
 * The parts of hvuio.h. The limit of the page allocator is that of x86 and of
 * arm64.
 */
struct hvuio_limits {
	u32 min, max;
};
#define HVUIO_GPADL_PAGES 8190
#if PAGE_SIZE == 4096
#define KMALLOC_MAX_SIZE 0x400000ul
#elif PAGE_SIZE == 16384
#define KMALLOC_MAX_SIZE 0x2000000ul
#else
#define KMALLOC_MAX_SIZE 0x20000000ul
#endif
u32 hvuio_ring_size(const guid_t *class);
int hvuio_ring_size_set(const guid_t *class, u32 size);
int hvuio_ring_sizes_print(char *buf);

#include "../../kernel/ringsize.c"

static const struct hv_vmbus_device_id fcopy = { HV_FCOPY_GUID }, nic = { HV_NIC_GUID };
static const struct hv_vmbus_device_id unknown = { GUID(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) };

static void is(const char *what, u32 size, u32 expected)
{
	ksft_test_result(size == expected, "%s with pages of %u KiB: %#x\n", what, PAGE_SIZE / 1024,
			 size);
	if (size != expected)
		ksft_print_msg("expected %#x\n", expected);
}

/* Choose by the page size: 4, 16, 64 KiB. */
static u32 of(u32 small, u32 medium, u32 large)
{
	return PAGE_SIZE == 4096 ? small : PAGE_SIZE == 16384 ? medium : large;
}

/* Set the maximum number of classes, and one more. */
static bool is_full(void)
{
	guid_t class = unknown.guid;
	u32 i;

	for (i = 0; i < HVUIO_RING_CLASSES; i++) {
		class.first = 100 + i;
		if (hvuio_ring_size_set(&class, (i + 2) * PAGE_SIZE))
			return false;
	}
	if (hvuio_ring_size_set(&unknown.guid, 2 * PAGE_SIZE) != -ENOSPC)
		return false;
	for (i = 0; i < HVUIO_RING_CLASSES; i++) {
		class.first = 100 + i;
		if (hvuio_ring_size(&class) != (i + 2) * PAGE_SIZE ||
		    hvuio_ring_size_set(&class, 0))
			return false;
	}
	return !hvuio_ring_size_set(&unknown.guid, 2 * PAGE_SIZE) &&
	       !hvuio_ring_size_set(&unknown.guid, 0);
}

int main(void)
{
	u32 others = 0;
	size_t i;

	ksft_print_header();
	ksft_set_plan(9);
	is("fcopy", hvuio_ring_size(&fcopy.guid), of(0x5000, 0x8000, 0x20000));
	is("an unknown class", hvuio_ring_size(&unknown.guid), of(0x11000, 0x18000, 0x30000));
	for (i = 0; i < ARRAY_SIZE(hvuio_ring_sizes); i++)
		others += hvuio_ring_size(&hvuio_ring_sizes[i].guid) == 0x200000;
	is("classes of 2 MiB", others, 15);
	hvuio_ring_size_set(&nic.guid, 4 * PAGE_SIZE);
	is("a NIC, by choice", hvuio_ring_size(&nic.guid), 4 * PAGE_SIZE);
	is("fcopy, beside it", hvuio_ring_size(&fcopy.guid), of(0x5000, 0x8000, 0x20000));
	hvuio_ring_size_set(&nic.guid, 0);
	is("a NIC, by default again", hvuio_ring_size(&nic.guid), 0x200000);
	ksft_test_result(is_full(), "32 classes can be chosen, and not one more\n");
	is("the smallest", hvuio_ring_limits.min, 2 * PAGE_SIZE);
	/*
	 * A GPADL describes 8190 pages of 4 KiB for both rings, including one
	 * page for each header.
	 */
	is("the largest", hvuio_ring_limits.max,
	   of(0x200000, round_down(4095 * 4096 + 12288, 16384),
	      round_down(4095 * 4096 + 61440, 65536)));
	ksft_finished();
}
