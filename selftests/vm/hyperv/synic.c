// SPDX-License-Identifier: GPL-2.0-only
/*
 * The synthetic interrupt controller of each processor: a page of messages and
 * a page of event flags, with one slot for each synthetic interrupt. VMBus uses
 * one of these interrupts.
 */
#include <string.h>

#include "hyperv.h"

#define SLOT 256

struct hv_message {
	_Atomic uint32_t type; /* 0: the slot is free */
	uint8_t size;
	uint8_t flags; /* 1: the guest tells the host when it has taken the message */
	uint8_t reserved[2];
	uint64_t sender;
	uint8_t payload[MESSAGE_MAX];
};
_Static_assert(sizeof(struct hv_message) == SLOT, "a slot of the message page");

/* The message that the guest has not taken yet */
static struct {
	bool waits;  /* there is one */
	bool placed; /* it is in the guest's slot */
	uint32_t vp;
	uint8_t len;
	uint8_t payload[MESSAGE_MAX];
	void (*taken)(void *arg);
	void *arg;
} flight;

/*
 * Return the slot of VMBus in a processor's page of messages, or of event
 * flags. Returns NULL if the guest has not enabled it.
 */
static void *synic_slot(uint32_t vp, bool messages)
{
	uint64_t address;
	uint8_t *page;

	if (vp >= processors || !(mailbox->vp[vp].scontrol & 1))
		return NULL;
	address = messages ? mailbox->vp[vp].simp : mailbox->vp[vp].siefp;
	page = address & 1 ? guest_page(address / HV_PAGE) : NULL;
	return page ? page + VMBUS_SINT * SLOT : NULL;
}

bool message_in_flight(void)
{
	return flight.waits;
}

static void place(struct hv_message *slot)
{
	/* Let the guest tell when the slot is free, if it is not. */
	if (atomic_load(&slot->type)) {
		slot->flags = 1;
		atomic_thread_fence(memory_order_seq_cst);
		if (atomic_load(&slot->type))
			return;
	}
	slot->size = flight.len;
	slot->flags = 1;
	slot->sender = 0;
	memcpy(slot->payload, flight.payload, flight.len);
	atomic_store(&slot->type, 1);
	flight.placed = true;
	bell_ring(flight.vp);
}

/* Place the message, or find out that the guest has taken it. */
void synic_deliver(void)
{
	struct hv_message *slot;

	if (!flight.waits)
		return;
	slot = synic_slot(flight.vp, true);
	if (!slot)
		return;
	if (!flight.placed) {
		place(slot);
	} else if (!atomic_load(&slot->type)) {
		flight.waits = false;
		if (flight.taken)
			flight.taken(flight.arg);
	}
}

void post_message(uint32_t vp, const void *payload, uint8_t len, void (*taken)(void *), void *arg)
{
	flight.waits = true;
	flight.placed = false;
	flight.vp = vp;
	flight.len = len;
	flight.taken = taken;
	flight.arg = arg;
	memcpy(flight.payload, payload, len);
	synic_deliver();
}

void synic_forget(void)
{
	flight.waits = false;
}

/* Set the event flag of a channel, and interrupt if it was clear. */
void set_event_flag(uint32_t vp, uint32_t relid)
{
	_Atomic uint32_t *flags = synic_slot(vp, false);
	uint32_t bit = 1u << relid % 32;

	if (flags && !(atomic_fetch_or(&flags[relid / 32], bit) & bit))
		bell_ring(vp);
}
