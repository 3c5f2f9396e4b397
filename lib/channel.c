// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * These functions open the primary channel of a device, close a channel, and
 * return its properties.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

struct vmbus_chan *channel_alloc(void)
{
	static _Atomic uint64_t serial;
	struct vmbus_chan *chan = aligned_alloc(CACHE_LINE, sizeof(*chan));
	pthread_condattr_t attr;

	if (!chan)
		return NULL;
	memset(chan, 0, sizeof(*chan));
	chan->fd = -1;
	chan->wake_fd = -1;
	chan->map_fd = -1;
	chan->serial = fetch_add_relaxed(&serial, 1) + 1;
	pthread_mutex_init(&chan->send_mutex, NULL);
	pthread_mutex_init(&chan->wait_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&chan->wait_turn, &attr);
	pthread_condattr_destroy(&attr);
	return chan;
}

int channel_attach(struct vmbus_chan *chan, void *tx_ring, size_t tx_size, void *rx_ring,
		   size_t rx_size, size_t header_size)
{
	const struct ring_header *tx = tx_ring, *rx = rx_ring;
	uint32_t max;
	int err;

	err = tx_ring_attach(&chan->tx, tx_ring, tx_size, header_size,
			     smp_load_acquire(&tx->write_index));
	if (!err)
		err = rx_ring_attach(&chan->rx, rx_ring, rx_size, header_size,
				     smp_load_acquire(&rx->read_index));
	if (err)
		return err;
	chan->tx.wrong = PACKET_WRONG;
	max = chan->rx.size < RING_PACKET_MAX ? chan->rx.size : RING_PACKET_MAX;
	chan->rx.bounce = malloc(max);
	return chan->rx.bounce ? 0 : -ENOMEM;
}

void channel_disown(struct vmbus_chan *chan, int which)
{
	struct mapping *map = &chan->maps[which];

	if (!map->addr)
		return;
	guard_remove(map->range);
	/*
	 * The other side of a pair may be closing in another thread. It has
	 * finished with the rings before this one unmaps them.
	 */
	if (!map->users || atomic_fetch_sub_explicit(map->users, 1, memory_order_acq_rel) == 1) {
		munmap(map->addr, map->size);
		free(map->users);
	}
	*map = (struct mapping){ .addr = NULL };
}

void vmbus_close(struct vmbus_chan *chan)
{
	if (!chan)
		return;
	for (int i = 0; i < MAP_COUNT; i++)
		channel_disown(chan, i);
	if (chan->own_fd)
		close(chan->fd);
	if (chan->map_fd >= 0)
		close(chan->map_fd);
	if (chan->wake_fd >= 0)
		close(chan->wake_fd);
	if (chan->own_device)
		vmbus_device_free(chan->device);
	free(chan->tx.bounce);
	free(chan->rx.bounce);
	pthread_mutex_destroy(&chan->send_mutex);
	pthread_mutex_destroy(&chan->wait_lock);
	pthread_cond_destroy(&chan->wait_turn);
	free(chan);
}

int channel_own(struct vmbus_chan *chan, int which, void *addr, size_t size)
{
	struct range *range = guard_add(chan, addr, size);

	if (!range)
		return -ENOMEM;
	chan->maps[which] = (struct mapping){ .addr = addr, .size = size, .range = range };
	return 0;
}

void channel_set_monitor(struct vmbus_chan *chan, unsigned char *int_page,
			 unsigned char *monitor_page, uint32_t relid, uint32_t monitor_id)
{
	chan->event_word = (void *)(int_page + EVENT_PAGE_SEND + relid / 32 * 4);
	chan->event_bit = 1u << relid % 32;
	chan->monitor_word = (void *)(monitor_page + MONITOR_PAGE_GROUPS + monitor_id / 32 * 8);
	chan->monitor_bit = 1u << monitor_id % 32;
	chan->latency = (void *)(monitor_page + MONITOR_PAGE_LATENCY + monitor_id * 2);
}

/* Return 0, or -ENODEV if VMBus keeps a device that the host does not offer. */
static int check_offered(const struct vmbus_device *dev)
{
	return device_is_offered(dev) ?
		       0 :
		       fail(-ENODEV, "%s: the host does not offer the device now", dev->instance);
}

int channel_open(struct vmbus_device *dev, const struct vmbus_open_options *options,
		 struct vmbus_chan **result)
{
	struct vmbus_open_options opt;
	struct vmbus_chan *chan;
	struct uio_map map;
	uint64_t relid;
	int err;

	*result = NULL;
	err = copy_open_options(options, &opt);
	if (!err)
		err = check_offered(dev);
	if (!err && opt.ring_size && dev->uio)
		err = set_ring_size(dev, opt.ring_size);
	if (!err)
		err = uio_open(dev, opt.flags & VMBUS_OPEN_EXCLUSIVE ? EXCLUSIVE : SHARED, &chan);
	if (err)
		return err;
	err = uio_map_required(chan, "txrx_rings", MAP_RINGS, &map);
	if (err)
		goto err_close;
	err = uio_open_rings(chan, map.address, map.size);
	if (err)
		goto err_close;
	err = read_attribute_u64(dev->sysfs, "id", &relid);
	if (err) {
		/* The machine may have hibernated meanwhile. */
		if (check_offered(dev)) {
			err = -ENODEV;
			goto err_close;
		}
		fail(err, "%s/id: %s", dev->sysfs, strerror(-err));
		goto err_close;
	}
	err = uio_open_monitor(chan, dev->sysfs, relid);
	if (err)
		goto err_close;
	channel_opened(chan, relid, opt.flags);
	chan->own_device = true;
	*result = chan;
	return 0;

err_close:
	vmbus_close(chan);
	return uio_error(dev, err);
}

int vmbus_open(const char *id, const struct vmbus_open_options *options, struct vmbus_chan **chan)
{
	struct vmbus_open_options checked;
	struct vmbus_device *dev;
	int err;

	*chan = NULL;
	/* Reject invalid options even if the machine lacks the device. */
	err = copy_open_options(options, &checked);
	if (!err)
		err = vmbus_device_find(id, &dev);
	if (err)
		return err;
	err = channel_open(dev, options, chan);
	if (err)
		vmbus_device_free(dev);
	return err;
}

void set_producers(struct vmbus_chan *chan, enum producers producers)
{
	chan->producers = producers;
}

int vmbus_set_latency(struct vmbus_chan *chan, unsigned int microseconds)
{
	int err = channel_check(chan);

	if (err)
		return err;
	if (!chan->latency)
		return -EOPNOTSUPP;
	if (microseconds > UINT16_MAX / LATENCY_PER_US)
		return -ERANGE;
	WRITE_ONCE(*chan->latency, microseconds * LATENCY_PER_US);
	return channel_check(chan);
}

void channel_opened(struct vmbus_chan *chan, uint32_t relid, uint32_t flags)
{
	chan->info = (struct vmbus_info){
		.struct_size = sizeof(chan->info),
		.device = chan->device,
		.relid = relid,
		.is_monitored = chan->monitor_word != NULL,
		.tx_size = chan->tx.size,
		.rx_size = chan->rx.size,
		.max_payload = chan->tx.max_payload,
	};
	if (flags & VMBUS_OPEN_POLL) {
		chan->poll_mode = true;
		mask_interrupts(chan);
	}
	if (flags & (VMBUS_OPEN_SENDERS | VMBUS_OPEN_SPIN))
		set_producers(chan, flags & VMBUS_OPEN_SPIN ? PRODUCERS_SPIN : PRODUCERS_MUTEX);
	no_failure();
}

const struct vmbus_info *vmbus_info(const struct vmbus_chan *chan)
{
	return &chan->info;
}
