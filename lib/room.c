// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * This file keeps the threads that wait for room in the ring to the host, and
 * asks the host for room.
 *
 * The host has one number per ring, pending_send_sz, and interrupts when its
 * reading makes the free bytes exceed that number. Waiting threads need
 * different amounts. So the library asks the host for the smallest amount that
 * is not there yet. The thread that takes the interrupt lets all waiting
 * threads look again, and those that must go on waiting ask again.
 */

#include "internal.h"

/*
 * The packets of this thread for which there was no room, on channels with
 * several producers. A thread that uses more channels than there are entries
 * may wake once without need.
 */
#define REFUSALS 16u

static _Thread_local struct {
	struct refusal {
		uint64_t serial;
		uint64_t fits_at; /* room_position() is higher once the room was there */
		uint32_t need;
	} of[REFUSALS];
	unsigned int next;
} refusals;

/*
 * Return the sum of the bytes that were ever queued and the bytes that are
 * known to be free. The sum grows only when the host makes room.
 */
static uint64_t room_position(const struct vmbus_chan *chan)
{
	const struct tx_ring *tx = &chan->tx;

	return READ_ONCE(tx->bytes) + (tx->reserved ? tx->room_then : tx->room);
}

/* Return this thread's entry for @chan, or NULL. */
static struct refusal *find_refusal(const struct vmbus_chan *chan)
{
	for (unsigned int i = 0; i < REFUSALS; i++)
		if (refusals.of[i].serial == chan->serial)
			return &refusals.of[i];
	return NULL;
}

void room_refused(struct vmbus_chan *chan, uint32_t need)
{
	struct refusal *refusal;

	chan->refused = need;
	if (!chan->producers)
		return;
	refusal = find_refusal(chan);
	if (!refusal)
		refusal = &refusals.of[refusals.next++ % REFUSALS];
	*refusal = (struct refusal){
		.serial = chan->serial,
		.fits_at = READ_ONCE(chan->tx.bytes) + need,
		.need = need,
	};
}

void room_found(struct vmbus_chan *chan)
{
	struct refusal *refusal = chan->producers ? find_refusal(chan) : NULL;

	chan->refused = 0;
	if (refusal)
		refusal->need = 0;
	room_request(chan, 0);
}

/*
 * Wake the threads whose packets fit. The host does not always do so: while a
 * thread changes the request, the host may compare its room with the old number
 * or with the new one.
 */
static void wake_satisfied(struct vmbus_chan *chan, uint32_t room)
{
	bool wake = false;

	for (struct room_waiter *w = chan->room_waiters; w; w = w->next) {
		if (w->need >= room || w->woken)
			continue;
		w->woken = wake = true;
	}
	if (wake)
		wake_waiters(chan);
}

int room_request(struct vmbus_chan *chan, uint32_t need)
{
	struct tx_ring *tx = &chan->tx;
	int room = tx_ring_look(tx);
	uint32_t smallest = 0;

	if (room < 0)
		return room;
	if (need >= (uint32_t)room)
		smallest = need;
	for (const struct room_waiter *w = chan->room_waiters; w; w = w->next)
		if (w->need >= (uint32_t)room && (!smallest || w->need < smallest))
			smallest = w->need;
	tx_ring_request(tx, smallest);
	room = tx_ring_look(tx);
	if (room >= 0)
		wake_satisfied(chan, room);
	return room;
}

void room_wait_begin(struct vmbus_chan *chan, struct room_waiter *waiter)
{
	struct refusal *refusal;

	send_lock(chan);
	*waiter = (struct room_waiter){
		.next = chan->room_waiters,
		.need = chan->refused,
		.woken = true,
	};
	/*
	 * Without several producers one thread may send while another one
	 * waits, so the refusal is in the channel.
	 */
	if (chan->producers) {
		refusal = find_refusal(chan);
		/*
		 * If another thread withdrew the request, this thread may have
		 * sent its packet without a call of room_found(), but only if
		 * the host made the room for it. If other threads took that
		 * room, this thread is refused again before it waits.
		 */
		if (refusal && room_position(chan) > refusal->fits_at)
			refusal->need = 0;
		waiter->need = refusal ? refusal->need : 0;
	}
	chan->room_waiters = waiter;
	send_unlock(chan);
}

void room_wait_end(struct vmbus_chan *chan, struct room_waiter *waiter, bool found)
{
	struct refusal *refusal = found && chan->producers ? find_refusal(chan) : NULL;
	struct room_waiter **at;

	/*
	 * If the request below withdraws the request of this thread, the thread
	 * sends without a call of room_found().
	 */
	if (refusal)
		refusal->need = 0;
	send_lock(chan);
	for (at = &chan->room_waiters; *at != waiter; at = &(*at)->next)
		;
	*at = waiter->next;
	/*
	 * The other threads may need more room than the library has asked for.
	 */
	if (chan->room_waiters && !channel_check(chan))
		room_request(chan, 0);
	send_unlock(chan);
}

int room_look(struct vmbus_chan *chan, struct room_waiter *waiter, bool ask)
{
	int room;

	if (!waiter->need)
		return 1;
	send_lock(chan);
	room = tx_ring_look(&chan->tx);
	if (ask && room >= 0 && (uint32_t)room <= waiter->need) {
		waiter->woken = true;
		room = room_request(chan, waiter->need);
	}
	waiter->woken = room < 0 || (uint32_t)room > waiter->need;
	/*
	 * If the host made room before the request, the library withdraws the
	 * request, and the thread sends without a call of room_found(). With
	 * several producers room_wait_end() forgets the refusal of this thread.
	 */
	if (room >= 0 && waiter->woken && !chan->producers)
		chan->refused = 0;
	send_unlock(chan);
	return room < 0 ? room : (uint32_t)room > waiter->need;
}
