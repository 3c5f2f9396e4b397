// SPDX-License-Identifier: GPL-2.0-only
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "hvuio.h"

/*
 * Allocate contiguous pages for two rings of @size bytes. They are cleared when
 * the channel is opened. 0, -EINVAL or -ENOMEM.
 */
int hvuio_ring_alloc(struct hvuio_ring *ring, struct vmbus_channel *channel, u32 size)
{
	unsigned int nr = 2 * (size >> PAGE_SHIFT);
	unsigned int order = get_order((size_t)nr << PAGE_SHIFT);
	struct page *page;
	unsigned int i;

	if (!size || !PAGE_ALIGNED(size))
		return -EINVAL;
	ring->pages = kvmalloc_array(nr, sizeof(*ring->pages), GFP_KERNEL);
	if (!ring->pages)
		return -ENOMEM;
	page = alloc_pages_node(cpu_to_node(channel->target_cpu), GFP_KERNEL | __GFP_NOWARN |
				__GFP_RETRY_MAYFAIL, order);
	if (!page) {
		kvfree(ring->pages);
		ring->pages = NULL;
		return -ENOMEM;
	}
	split_page(page, order);
	for (i = 0; i < nr; i++)
		ring->pages[i] = page + i;
	for (; i < 1U << order; i++)
		__free_page(page + i);
	ring->nr_pages = nr;
	ring->held_by_host = false;
	return 0;
}

/*
 * Free a ring that is not connected any more. Pages that a user still maps go
 * when the mapping goes.
 */
void hvuio_ring_free(struct hvuio_ring *ring)
{
	unsigned int i;

	if (ring->held_by_host)
		pr_warn("leaking %zu bytes of rings that the host did not give back\n",
			hvuio_ring_bytes(ring));
	else
		for (i = 0; i < ring->nr_pages; i++)
			__free_page(ring->pages[i]);
	kvfree(ring->pages);
	ring->pages = NULL;
	ring->nr_pages = 0;
}

/*
 * Whether a user mapping, or whoever pinned its pages, still sees a ring that
 * is closed.
 */
bool hvuio_ring_is_mapped(const struct hvuio_ring *ring)
{
	unsigned int i;

	for (i = 0; i < ring->nr_pages; i++)
		if (page_count(ring->pages[i]) != 1)
			return true;
	return false;
}

/*
 * Open the channel with this ring. This may sleep until the host answers or
 * rescinds the channel. 0, -EBUSY when the channel is not closed, or what VMBus
 * says.
 */
int hvuio_ring_connect(struct hvuio_ring *ring, struct vmbus_channel *channel,
		       void (*callback)(void *context), void *context)
{
	int handles = hvuio_vmbus_gpadl_handles();
	int ret;

	/*
	 * Else VMBus fails without having tried, and what is below would be
	 * somebody else's.
	 */
	if (READ_ONCE(channel->state) != CHANNEL_OPEN_STATE)
		return -EBUSY;
	/*
	 * For the host it is open still, and it would not answer: see
	 * hvuio_disconnect().
	 */
	if (hvuio_ring_gpadl_is_held(channel))
		return -EBUSY;
	/*
	 * A new session finds nothing of the last one, which may have been
	 * another user's.
	 */
	memset(page_address(ring->pages[0]), 0, hvuio_ring_bytes(ring));

	hvuio_vmbus_lend_ring(channel, ring);
	ret = vmbus_connect_ring(channel, callback, context);
	hvuio_vmbus_return_ring(channel);
	/* Without a new handle, nothing of the ring has reached the host. */
	if (ret && hvuio_vmbus_gpadl_handles() != handles &&
	    hvuio_ring_gpadl_in_doubt(channel, ret))
		ring->held_by_host = true;
	return ret;
}

/*
 * Give back the kernel's own mappings of a closed ring, and its packet buffer:
 * disconnecting leaves them, and the next connect would overwrite the only
 * pointers to them. A channel that was never connected has none; some kernels
 * initialize what vmbus_free_ring() needs only then.
 */
void hvuio_ring_unmap(struct vmbus_channel *channel)
{
	hvuio_vmbus_return_ring(channel);
	if (channel->outbound.ring_buffer || channel->inbound.ring_buffer)
		vmbus_free_ring(channel);
}
