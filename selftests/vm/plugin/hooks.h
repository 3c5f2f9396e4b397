/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions that QEMU's VMBus code calls where `prepare` has edited it.
 * bus.c and signal.c define them.
 */
#ifndef VM_PLUGIN_HOOKS_H
#define VM_PLUGIN_HOOKS_H

/* Types of messages that QEMU does not know. */
#define VMBUS_MSG_MODIFYCHANNEL 22
#define VMBUS_MSG_MODIFYCHANNEL_RESPONSE 24

static void host_bridge_properties(ObjectClass *klass);
static void host_realize(VMBus *vmbus);
static uint16_t host_recv_message(const struct hyperv_post_message_input *msg, void *opaque);

/*
 * In the LISTEN state the host sends a control message of its own if one is
 * due. Otherwise it processes the guest's next message.
 */
static void host_listen(VMBus *vmbus);
static bool host_message_sent(VMBus *vmbus);

/* Process a message of the guest that QEMU has no handler for. */
static void host_message(VMBus *vmbus, struct vmbus_message_header *msg, uint32_t len);

/*
 * The guest connects, requests the offers, unloads or resets. At a reset, QEMU
 * calls host_reset() for each channel and then host_disconnected().
 */
static bool host_speaks(uint32_t version);
static void host_contact(VMBus *vmbus, const struct vmbus_message_initiate_contact *msg);
static void host_post_handshake(VMBus *vmbus, const struct vmbus_message_version_response *answer);
static void host_offers_requested(void);
static void host_unload(VMBus *vmbus);
static void host_reset(VMBusChannel *chan);
static void host_disconnected(void);

/* Offers, their relids and connection ids. */
static void host_free_relid(VMBusChannel *chan);
static uint32_t host_connection_id(VMBusChannel *chan);
static void host_fill_offer(VMBusChannel *chan, struct vmbus_message_offer_channel *msg);
static void host_offered(VMBusChannel *chan);

/*
 * GPADLs: whether the host answers this creation now, with which status, and
 * that it has answered; the guest tears down a GPADL.
 */
static bool host_creates(const VMBusGpadl *gpadl);
static uint32_t host_creation_status(const VMBusGpadl *gpadl);
static void host_created(VMBusGpadl *gpadl);
static void host_teardown(VMBusGpadl *gpadl);

/*
 * A channel opens: the guest asks, the device is open, the host sends the
 * answer, the guest has the answer. Later, the guest closes the channel.
 */
static bool host_may_open(VMBusChannel *chan, const vmbus_message_open_channel *msg);
static void host_opening(VMBusChannel *chan);
static bool host_answers_open(VMBusChannel *chan);
static uint32_t host_open_status(VMBusChannel *chan);
static void host_opened(VMBusChannel *chan);
static void host_close(VMBusChannel *chan);

/*
 * Signals: the plug-in wakes itself, takes the guest's signals (false means
 * that there were none), or interrupts the guest (false means that the
 * interrupt is lost).
 */
static void host_kicked(VMBusChannel *chan);
static bool host_take_signals(VMBusChannel *chan);
static bool host_interrupts(VMBusChannel *chan);

#endif
