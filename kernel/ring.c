// SPDX-License-Identifier: GPL-2.0-only
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "hvuio.h"

/* Contiguous pages for two rings of @size bytes, zeroed. 0, -EINVAL or -ENOMEM. */
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
	page = alloc_pages_node(cpu_to_node(channel->target_cpu), GFP_KERNEL | __GFP_ZERO |
				__GFP_NOWARN | __GFP_RETRY_MAYFAIL, order);
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

/* The ring is not connected any more. Pages that a user still maps go when the mapping goes. */
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

/* Of a closed ring: whether a user mapping, or whoever pinned its pages, still sees it. */
bool hvuio_ring_is_mapped(const struct hvuio_ring *ring)
{
	unsigned int i;

	for (i = 0; i < ring->nr_pages; i++)
		if (page_count(ring->pages[i]) != 1)
			return true;
	return false;
}

/* Opens the channel with this ring. May sleep until the host answers or rescinds the channel. */
int hvuio_ring_connect(struct hvuio_channel *hc, void (*callback)(void *context), void *context)
{
	struct vmbus_channel *channel = hc->channel;
	struct hvuio_ring *ring = &hc->ring;
	unsigned int half = ring->nr_pages / 2;
	int ret;

	/* Else the core fails without having tried, and what is below would be somebody else's. */
	if (channel->state != CHANNEL_OPEN_STATE)
		return -EBUSY;
	/* For the host it is open still, and it would not answer: see hvuio_disconnect(). */
	if (hvuio_ring_gpadl_is_held(channel))
		return -EBUSY;
	/* A new session finds no interrupt mask and no wish for space from the last one. */
	memset(page_address(ring->pages[0]), 0, HV_HYP_PAGE_SIZE);
	memset(page_address(ring->pages[half]), 0, HV_HYP_PAGE_SIZE);

	channel->ringbuffer_page = ring->pages[0];
	channel->ringbuffer_pagecount = ring->nr_pages;
	channel->ringbuffer_send_offset = half;
	ret = vmbus_connect_ring(channel, callback, context);
	channel->ringbuffer_page = NULL;
	if (ret && hvuio_ring_gpadl_in_doubt(channel))
		ring->held_by_host = true;
	return ret;
}

/*
 * Gives back the kernel's own mappings of a closed ring, and its packet buffer: disconnecting
 * leaves them, and the next connect would overwrite the only pointers to them. Not for a
 * channel that was never connected: some kernels initialize what this needs only then.
 */
void hvuio_ring_unmap(struct vmbus_channel *channel)
{
	channel->ringbuffer_page = NULL;
	if (channel->outbound.ring_buffer || channel->inbound.ring_buffer)
		vmbus_free_ring(channel);
}

/* The pages that an mmap of the ring file may show, or an error pointer. */
struct page **hvuio_ring_mappable(struct hvuio_channel *hc, unsigned long first,
				  unsigned long count)
{
	if (!READ_ONCE(hc->open))
		return ERR_PTR(-ENODEV);
	if (first >= hc->ring.nr_pages || count > hc->ring.nr_pages - first)
		return ERR_PTR(-EINVAL);
	return hc->ring.pages + first;
}
