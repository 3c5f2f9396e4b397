// SPDX-License-Identifier: GPL-2.0-only
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/topology.h>

#include "hvuio.h"

/*
 * Allocate contiguous pages for two rings of @size bytes each.
 * hvuio_ring_connect() clears them. Returns 0, -EINVAL or -ENOMEM.
 */
int hvuio_ring_alloc(struct hvuio_ring *ring, struct vmbus_channel *channel, u32 size)
{
	unsigned int nr = 2 * (size >> PAGE_SHIFT);
	unsigned int order = get_order((size_t)nr << PAGE_SHIFT);
	struct page *page;
	unsigned int i;

	if (!size || !PAGE_ALIGNED(size))
		return -EINVAL;
	page = alloc_pages_node(cpu_to_node(channel->target_cpu),
				GFP_KERNEL | __GFP_NOWARN | __GFP_RETRY_MAYFAIL, order);
	if (!page)
		return -ENOMEM;
	split_page(page, order);
	for (i = nr; i < 1U << order; i++)
		__free_page(page + i);
	ring->pages = page;
	ring->nr_pages = nr;
	ring->unreleased = false;
	return 0;
}

/*
 * Free the rings of a closed channel, or leak them if the host may still write
 * to them. A page that a program still maps is freed when the mapping goes
 * away.
 */
void hvuio_ring_free(struct hvuio_ring *ring)
{
	unsigned int i;

	if (ring->unreleased)
		pr_warn("leaking %zu bytes of rings that the host did not release\n",
			hvuio_ring_bytes(ring));
	else
		for (i = 0; i < ring->nr_pages; i++)
			__free_page(ring->pages + i);
	ring->pages = NULL;
	ring->nr_pages = 0;
}

/*
 * Whether somebody else holds a page of the rings of a closed channel, for
 * instance a mapping of a program.
 */
bool hvuio_ring_is_mapped(const struct hvuio_ring *ring)
{
	unsigned int i;

	for (i = 0; i < ring->nr_pages; i++)
		if (page_count(ring->pages + i) != 1)
			return true;
	return false;
}

/*
 * Open the channel with these rings. The function may sleep until the host
 * answers or rescinds the channel. Returns 0, -EBUSY if the channel is not
 * closed, or the error of VMBus.
 */
int hvuio_ring_connect(struct hvuio_ring *ring, struct vmbus_channel *channel,
		       void (*callback)(void *context), void *context)
{
	int handles = hvuio_vmbus_gpadl_handles();
	int ret;

	/*
	 * In another state VMBus would fail before it tried, and the code below
	 * would read the state of somebody else's opening.
	 */
	if (READ_ONCE(channel->state) != CHANNEL_OPEN_STATE)
		return -EBUSY;
	/*
	 * The host considers the channel still open and would not answer; see
	 * hvuio_disconnect().
	 */
	if (hvuio_ring_gpadl_is_unreleased(channel))
		return -EBUSY;
	/* Clear the data of the last session, perhaps of another user. */
	memset(page_address(ring->pages), 0, hvuio_ring_bytes(ring));

	hvuio_vmbus_set_ring(channel, ring);
	ret = vmbus_connect_ring(channel, callback, context);
	hvuio_vmbus_clear_ring(channel);
	/* Without a new GPADL handle the host has not seen the rings. */
	if (ret && hvuio_vmbus_gpadl_handles() != handles &&
	    hvuio_ring_gpadl_is_unreleased_after(channel, ret))
		ring->unreleased = true;
	return ret;
}

/*
 * Free the kernel's own mappings of the rings of a closed channel, and its
 * packet buffer. VMBus does not free them when it disconnects, and would
 * overwrite the only pointers to them when it connects again. A channel that
 * was never connected has none, and some kernels have not initialized what
 * vmbus_free_ring() needs.
 */
void hvuio_ring_unmap(struct vmbus_channel *channel)
{
	hvuio_vmbus_clear_ring(channel);
	if (channel->outbound.ring_buffer || channel->inbound.ring_buffer)
		vmbus_free_ring(channel);
}
