// SPDX-License-Identifier: GPL-2.0-only
/* Offers and rescinds, relids and connection ids */
#include <string.h>

#include "hyperv.h"

#define FIRST_RELID	 1
#define RELIDS		 2048 /* the bits of an event flags slot */
#define NO_MONITOR	 0xff
#define FLAGS_OF_PIPE	 0x11 /* a device interface, and a named pipe */
#define PIPE_OF_MESSAGES 4

struct offer_body {
	uint8_t class[16], instance[16];
	uint64_t reserved[2];
	uint16_t flags, mmio_megabytes;
	uint8_t user[120];
	uint16_t index, reserved2;
	uint32_t relid;
	uint8_t monitor_id, monitor_allocated;
	uint16_t dedicated_interrupt;
	uint32_t connection_id;
} __attribute__((packed));
_Static_assert(sizeof(struct offer_body) == 188, "the body of an offer");

struct channel *find_channel(uint32_t relid)
{
	for_each_channel(c)
		if (relid && c->relid == relid)
			return c;
	return NULL;
}

/*
 * The connection id of a channel, to which the guest sends its signals, changes
 * with each connection, so that a guest that expects a fixed id fails.
 */
static uint32_t connection_id(const struct channel *c)
{
	return 0x2000 + 0x100 * (bus.connections % 16) + c->relid;
}

struct channel *find_connection(uint32_t id)
{
	for_each_channel(c)
		if (c->relid && connection_id(c) == id)
			return c;
	return NULL;
}

/*
 * Give a channel its relid, which is the lowest free number. So relids depend
 * on the order of the offers, unless the property relid of a device names the
 * first number that its channels may have.
 */
static void take_relid(struct channel *c)
{
	uint32_t relid = MAX(c->device->relid, FIRST_RELID);

	while (find_channel(relid))
		relid++;
	if (relid >= RELIDS)
		die("%s: there is no free relid", c->device->name);
	c->relid = relid;
}

void free_relid(struct channel *c)
{
	c->relid = 0;
}

bool is_to_rescind(const struct channel *c)
{
	return c->offer == OFFER_SENT && c->rescind;
}

static bool offer_wanted(const struct channel *c)
{
	const struct device *d = c->device;
	const struct channel *primary = &d->channel[0];

	if (!d->offered || c->rescind)
		return false;
	if (c->index)
		return c->wanted && primary->offer == OFFER_SENT && !primary->rescind &&
		       (!c->offer_from || is_due(c->offer_from));
	/*
	 * The host offers a device again only when the guest has the rescinds
	 * of all its sub-channels.
	 */
	for (uint32_t i = 1; i < d->channels; i++)
		if (is_to_rescind(&d->channel[i]))
			return false;
	return true;
}

static void offer_taken(void *arg)
{
	struct channel *c = arg;

	c->offer = OFFER_SENT;
	put_event(c, FRAME_OFFERED, c->relid, 0);
}

static void post_offer(struct channel *c)
{
	const struct device *d = c->device;
	struct offer_body body = {
		.index = (uint16_t)c->index,
		.monitor_id = NO_MONITOR,
		.dedicated_interrupt = 1,
	};

	if (!c->relid)
		take_relid(c);
	c->monitored = d->monitored;
	memcpy(body.class, d->class, sizeof(body.class));
	memcpy(body.instance, d->instance, sizeof(body.instance));
	body.relid = c->relid;
	body.connection_id = connection_id(c);
	if (d->pipe) {
		body.flags = FLAGS_OF_PIPE;
		body.user[0] = PIPE_OF_MESSAGES;
	}
	if (c->monitored) {
		body.monitor_id = (uint8_t)(c->relid - FIRST_RELID);
		body.monitor_allocated = 1;
	}
	c->offer = OFFER_SENDING;
	note("  offer of %s %u, relid %u", d->name, c->index, c->relid);
	bus_post(OFFERCHANNEL, &body, sizeof(body), offer_taken, c);
}

bool offer_step(void)
{
	for_each_channel(c) {
		if (c->offer == OFFER_HELD && offer_wanted(c)) {
			post_offer(c);
			return true;
		}
	}
	return false;
}

/* Rescinds */

static void rescind_taken(void *arg)
{
	struct channel *c = arg;

	c->offer = OFFER_RESCINDED;
	c->rescind = false;
	put_event(c, FRAME_RESCINDED, c->relid, 0);
}

static void post_rescind(struct channel *c)
{
	struct device *d = c->device;

	close_channel(c);
	c->asked = false;
	d->rescind_from = due_in(d->delay[FRAME_DELAY_RESCIND]);
	note("  rescind of %s %u, relid %u", d->name, c->index, c->relid);
	bus_post(RESCIND_CHANNELOFFER, &c->relid, sizeof(c->relid), rescind_taken, c);
}

/*
 * Return the channel of a device that the host rescinds next. Unless the
 * program wants another order, the sub-channels go in any order and the primary
 * goes last, as on the newest hosts. Older hosts may begin with the primary,
 * and no version of Linux handles that safely.
 */
static struct channel *next_to_rescind(struct device *d)
{
	struct channel *all[MAX_CHANNELS];
	uint32_t count = 0, subs_from;

	for (uint32_t i = 0; i < d->channels; i++)
		if (is_to_rescind(&d->channel[i]))
			all[count++] = &d->channel[i];
	subs_from = !all[0]->index && count > 1;
	switch (d->order) {
	case FRAME_ORDER_FORWARD:
		return all[subs_from];
	case FRAME_ORDER_REVERSE:
		return all[count - 1];
	case FRAME_ORDER_PRIMARY_FIRST:
		return all[0];
	default:
		return all[subs_from + chance(count - subs_from)];
	}
}

bool rescind_step(void)
{
	for_each_channel(c) {
		int64_t from = c->device->rescind_from;

		if (!is_to_rescind(c) || (from && !is_due(from)))
			continue;
		post_rescind(next_to_rescind(c->device));
		return true;
	}
	return false;
}

void rescind_subs(struct device *d)
{
	for (uint32_t i = 1; i < d->channels; i++) {
		struct channel *c = &d->channel[i];

		c->wanted = false;
		if (c->offer == OFFER_SENT || c->offer == OFFER_SENDING)
			c->rescind = true;
	}
}

/*
 * The guest has released a relid. If the device is to be offered again, the
 * host offers it at once with the same number. Otherwise another device may get
 * the number. The host also accepts the release of a channel that it has not
 * rescinded, if the guest has closed it, or is closing it: the device then
 * closes at once. The host offers the device again when the guest reconnects.
 * After UNLOAD no device has a number, so a release then changes nothing: the
 * hv_vmbus of Linux 6.1 sends it so late.
 */
void release_relid(uint32_t relid)
{
	struct channel *c = find_channel(relid);

	if (!bus.requested)
		return;
	if (c && c->closing)
		close_channel(c);
	if (c && c->offer == OFFER_SENT && !c->rings && !c->opening && !c->asked) {
		c->offer = OFFER_RELEASED;
		c->rescind = false;
	} else if (!c || c->offer != OFFER_RESCINDED) {
		message_fault("the guest has released relid %u, which is open or not offered",
			      relid);
		return;
	}
	/* Linux does not tear down the GPADLs of a rescinded channel. */
	free_gpadls(relid);
	put_event(c, FRAME_RELEASED, relid, 0);
	if (c->offer == OFFER_RELEASED) {
		free_relid(c);
		return;
	}
	c->offer = OFFER_HELD;
	if (c->index && c->device->settle)
		c->offer_from = due_in(c->device->settle);
	else if (!offer_wanted(c))
		free_relid(c);
}
