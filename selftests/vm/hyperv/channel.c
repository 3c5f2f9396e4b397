// SPDX-License-Identifier: GPL-2.0-only
/* A channel opens, changes its processor, and closes. */
#include "hyperv.h"

/* The host looks at this time after an open whether it owes an interrupt. */
#define RECHECK_MS 100
/* Interrupts go to the old processor for this time after MODIFYCHANNEL. */
#define MODIFY_MS 10

/*
 * Return whether the device is open and the host has not yet begun to answer
 * the guest's open.
 */
bool is_unanswered(const struct channel *c)
{
	return c->rings && c->result_at;
}

/* Open the device, if the guest's request is right. */
static void open_device(struct channel *c, const struct open_request *request)
{
	struct gpadl *g = find_gpadl(request->gpadl);

	if (!g || !g->created || g->relid != c->relid || request->vp >= processors)
		return;
	c->rings = g;
	if (!rings_open(c, request->offset)) {
		c->rings = NULL;
		return;
	}
	c->vp = request->vp;
	c->woken = 0;
	c->reasons = 0;
	c->new_reasons = 0;
	if (c->monitored) {
		monitor_forget(c);
		monitor_start();
	}
	put_event(c, FRAME_OPENED, ring_bytes(c, FRAME_TX), ring_bytes(c, FRAME_RX));
	kick(c);
}

/*
 * The guest wants to open a channel. The request waits until the device has
 * closed and until the program allows it. From then on the device is open, and
 * its program may use the rings. The host answers the guest later.
 */
void take_open(const struct open_request *request)
{
	struct channel *c = find_channel(request->relid);

	if (!c || c->offer != OFFER_SENT || ((c->rings || c->opening) && !c->closing))
		return;
	if (c->mute || c->closing) {
		c->wish = *request;
		c->asked = true;
		if (c->mute)
			put_event(c, FRAME_ASKED, 0, 0);
		return;
	}
	c->opening = true;
	c->open_id = request->open_id;
	c->result_at = due_in(c->device->delay[FRAME_DELAY_OPEN]);
	open_device(c, request);
}

/* The guest has the answer to its open. */
static void opened(void *arg)
{
	struct channel *c = arg;

	c->opening = false;
	if (!c->rings)
		return;
	c->recheck_at = due_in(RECHECK_MS);
	kick(c);
}

static void answer_open(struct channel *c)
{
	uint32_t body[] = { c->relid, c->open_id, c->rings ? 0 : E_UNEXPECTED };

	c->result_at = 0;
	bus_post(OPENCHANNEL_RESULT, body, sizeof(body), opened, c);
}

/*
 * The guest closes a channel. The host ignores that before it has answered the
 * open. The device continues for a while. If this is the primary channel, the
 * host rescinds all sub-channels before the device has closed. A MODIFYCHANNEL
 * that waits for its answer gets none.
 */
void take_close(uint32_t relid)
{
	struct channel *c = find_channel(relid);

	if (!c || !c->rings || c->opening || c->closing)
		return;
	c->closing = true;
	c->modifying = false;
	c->closed_at = due_in(c->device->delay[FRAME_DELAY_CLOSE]);
	if (!c->index && !c->device->keep)
		rescind_subs(c->device);
}

/* Close the device, and reset the state of its channel, for whatever reason. */
void close_channel(struct channel *c)
{
	c->opening = false;
	c->result_at = 0;
	if (!c->rings)
		return;
	drop_packets(c, "the channel has closed");
	c->rings = NULL;
	c->note = 0;
	c->closing = false;
	c->recheck_at = 0;
	c->modifying = false;
	c->modified_at = 0;
	put_event(c, FRAME_CLOSED, 0, 0);
}

/*
 * MODIFYCHANNEL: the guest chooses another processor for the channel's
 * interrupts. The host ignores a second request while it handles one. For a
 * channel that is not open, it answers with an error.
 */
void take_modify(uint32_t relid, uint32_t vp)
{
	struct channel *c = find_channel(relid);

	if (!c || bus.version < VERSION_4_1) {
		message_fault("MODIFYCHANNEL of relid %u at version %#x", relid, bus.version);
		return;
	}
	if (c->modifying || c->closing)
		return;
	c->modifying = bus.version >= VERSION_5_3;
	c->modify_status = c->rings ? 0 : E_UNEXPECTED;
	if (!c->rings)
		return;
	c->stats.modifies++;
	c->modified_vp = vp;
	c->modified_at = due_in(MODIFY_MS);
}

static void modify_now(struct channel *c)
{
	c->modified_at = 0;
	if (c->modified_vp >= processors)
		message_fault("the guest has no processor %u", c->modified_vp);
	else
		c->vp = c->modified_vp;
}

/*
 * Answer MODIFYCHANNEL once the interrupts go to the new processor. The guest
 * may then take the old one offline.
 */
static void answer_modify(struct channel *c)
{
	uint32_t body[] = { c->relid, c->modify_status };

	c->modifying = false;
	bus_post(MODIFYCHANNEL_RESPONSE, body, sizeof(body), NULL, NULL);
}

void channel_wake(struct channel *c)
{
	if (c->modified_at && is_due(c->modified_at))
		modify_now(c);
	if (c->recheck_at && is_due(c->recheck_at)) {
		c->recheck_at = 0;
		rings_wake_guest(c);
	}
}

static bool step_of(struct channel *c)
{
	if (c->closing && is_due(c->closed_at)) {
		close_channel(c);
	} else if (c->opening && is_due(c->result_at)) {
		answer_open(c);
	} else if (c->asked && !c->mute && !c->closing) {
		c->asked = false;
		take_open(&c->wish);
	} else if (c->modifying && !c->modified_at) {
		answer_modify(c);
	} else {
		return false;
	}
	return true;
}

/* Continue to open, change or close a channel. */
bool channel_step(void)
{
	for_each_channel(c)
		if (step_of(c))
			return true;
	return false;
}
