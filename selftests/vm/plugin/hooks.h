/* SPDX-License-Identifier: GPL-2.0-only */
/* What the edits of `prepare` call, from within QEMU's VMBus code, in vmbus-host.c. */
#ifndef VM_PLUGIN_HOOKS_H
#define VM_PLUGIN_HOOKS_H

/* The LISTEN state: a control message of ours if one is due, else the guest's next message. */
static void host_listen(VMBus *vmbus);
static bool host_message_sent(VMBus *vmbus);

/* A message of the guest that QEMU has no handler for. */
static void host_message(VMBus *vmbus, struct vmbus_message_header *msg, uint32_t len);

/* The guest connects, asks for offers, goes: host_reset() for each channel, then the other. */
static void host_pages(const struct vmbus_message_initiate_contact *msg);
static void host_offers_requested(void);
static void host_reset(VMBusChannel *chan);
static void host_disconnected(void);

static void host_fill_offer(VMBusChannel *chan, struct vmbus_message_offer_channel *msg);
static void host_offered(VMBusChannel *chan);
static bool host_is_mute(VMBusChannel *chan, const vmbus_message_open_channel *msg);
static void host_opened(VMBusChannel *chan);
static void host_guest_closed(VMBusChannel *chan);

/* Signals: one of our own to ourselves, those of the guest (false: none), one to the guest. */
static void host_kicked(VMBusChannel *chan);
static bool host_take_signals(VMBusChannel *chan);
static void host_interrupted(VMBusChannel *chan);

#endif
