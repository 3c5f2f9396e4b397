// SPDX-License-Identifier: GPL-2.0-only
/*
 * The connection. The host handles the guest's messages one after the other,
 * and only when the guest has taken the host's last one. Its own messages come
 * first. While an answer takes time, the host continues with the next message.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "hyperv.h"

/*
 * The ids to which the guest sends its messages. From version 5.0 on, the
 * contact goes to the second, and the host names the first for later messages.
 */
#define CONNECTION	   1
#define CONTACT_CONNECTION 4

#define HV_MESSAGE_VMBUS 1
#define QUEUE		 32 /* messages of the guest that wait */

/* What the hypervisor answers if it has no room for a message */
#define HV_STATUS_INSUFFICIENT_BUFFERS 0x13

struct message {
	uint32_t len;
	uint32_t type;
	uint8_t body[MESSAGE_MAX]; /* without the header, which is the type and padding */
};
#define HEADER 8

struct contact {
	uint32_t version, vp;
	uint32_t interrupt_page, features; /* until 5.3 one address of 64 bits */
	uint64_t monitor_page[2];	   /* from the host to the guest, and back */
};

struct bus bus = { .newest = VERSION_5_3 };
struct channel *channels[MAX_ALL];
unsigned int nr_channels;

static struct message queue[QUEUE];
static unsigned int queue_first, queue_length;

void bus_post(enum message_type type, const void *body, size_t len, void (*taken)(void *),
	      void *arg)
{
	uint8_t message[MESSAGE_MAX] = { (uint8_t)type };

	note("-> message %u", type);
	if (len)
		memcpy(message + HEADER, body, len);
	post_message(bus.vp, message, (uint8_t)(HEADER + len), taken, arg);
}

unsigned int bus_waiting(void)
{
	return queue_length;
}

/* Compare two GUIDs number by number. */
static int compare_guids(const uint8_t a[16], const uint8_t b[16])
{
	/* The bytes of the first three numbers, the most significant first */
	static const uint8_t order[] = { 3, 2, 1, 0, 5, 4, 7, 6 };

	for (unsigned int i = 0; i < sizeof(order); i++)
		if (a[order[i]] != b[order[i]])
			return a[order[i]] - b[order[i]];
	return memcmp(a + sizeof(order), b + sizeof(order), 16 - sizeof(order));
}

static int compare_devices(const void *first, const void *second)
{
	const struct device *a = *(struct device *const *)first;
	const struct device *b = *(struct device *const *)second;
	int order = compare_guids(a->class, b->class);

	return order ? order : compare_guids(a->instance, b->instance);
}

/*
 * Put the channels into the order in which the host offers them: by the class
 * and the instance of the device, each with its sub-channels.
 */
void order_channels(void)
{
	struct device *order[MAX_DEVICES];

	memcpy(order, devices, sizeof(order));
	qsort(order, nr_devices, sizeof(order[0]), compare_devices);
	nr_channels = 0;
	for (unsigned int i = 0; i < nr_devices; i++)
		for (uint32_t index = 0; index < order[i]->channels; index++)
			channels[nr_channels++] = &order[i]->channel[index];
}

static void forget_channel(struct channel *c)
{
	struct device *d = c->device;

	close_channel(c);
	if (!c->index && d->withheld) {
		d->withheld = false;
		d->offered = false;
	}
	d->keep = false;
	c->offer = OFFER_HELD;
	c->wanted = false;
	c->mute = false;
	c->asked = false;
	c->rescind = false;
	c->hold_gpadls = false;
	c->fail_gpadls = false;
	c->modifying = false;
	c->offer_from = 0;
	free_relid(c);
	if (!c->index && bus.requested)
		put_event(c, FRAME_RESET, 0, 0);
}

/* The guest has left the VMBus. */
static void forget_guest(void)
{
	for_each_channel(c)
		forget_channel(c);
	free_gpadls(0);
	bus.version = 0;
	bus.contacted = false;
	bus.requested = false;
	bus.announced = false;
	bus.unload_at = 0;
	bus.monitor_page = 0;
}

/* The machine starts, or has been reset. */
void bus_reset(void)
{
	synic_forget();
	forget_guest();
	queue_length = 0;
}

/* The guest connects, perhaps without having left the bus. */
static void take_contact(const struct message *message)
{
	struct contact contact;

	memcpy(&contact, message->body, sizeof(contact));
	note("  contact: version %u.%u, processor %u", contact.version >> 16,
	     contact.version & 0xffff, contact.vp);
	if (contact.vp >= processors) {
		message_fault("the guest has no processor %u", contact.vp);
		return;
	}
	forget_guest();
	bus.contacted = true;
	bus.version = contact.version;
	bus.asked = contact.version >= VERSION_6_0 ? contact.features : 0;
	bus.vp = contact.vp;
	bus.monitor_page = contact.monitor_page[1];
	bus.connections++;
}

static bool host_speaks(uint32_t version)
{
	return version && version <= bus.newest;
}

static void answer_contact(void)
{
	struct {
		uint8_t supported, status;
		uint16_t padding;
		uint32_t connection_id;
		uint32_t features; /* since 6.0 */
	} body = { .supported = host_speaks(bus.version) };
	size_t len = offsetof(__typeof__(body), features);

	bus.contacted = false;
	if (bus.version >= VERSION_5_0)
		body.connection_id = CONNECTION;
	if (bus.version >= VERSION_6_0) {
		body.features = bus.features & bus.asked;
		len = sizeof(body);
	}
	bus_post(VERSION_RESPONSE, &body, len, NULL, NULL);
}

/*
 * The guest sends UNLOAD. The host answers when all devices have closed.
 */
static void take_unload(void)
{
	uint32_t ms = 0;

	for_each_channel(c) {
		const uint32_t *delay = c->device->delay;

		ms = MAX(ms, delay[FRAME_DELAY_UNLOAD]);
		if (c->rings)
			ms = MAX(ms, delay[FRAME_DELAY_CLOSE]);
	}
	bus.unload_at = due_in(ms);
}

static void unloaded(void *arg)
{
	forget_guest();
}

static bool answer_unload(void)
{
	if (!is_due(bus.unload_at))
		return false;
	bus.unload_at = 0;
	queue_length = 0;
	bus_post(UNLOAD_RESPONSE, NULL, 0, unloaded, NULL);
	return true;
}

/* Send the offers that the guest has asked for, and that these are all. */
static bool announce(void)
{
	if (!offer_step()) {
		bus.announced = true;
		bus_post(ALLOFFERS_DELIVERED, NULL, 0, NULL, NULL);
	}
	return true;
}

/* The guest's messages */

void message_fault(const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	bus.faults++;
	say("%s", text);
}

static uint32_t word(const struct message *message, unsigned int index)
{
	uint32_t value;

	memcpy(&value, message->body + index * sizeof(value), sizeof(value));
	return value;
}

static void take_open_message(const struct message *message)
{
	struct open_request request = {
		.relid = word(message, 0),
		.open_id = word(message, 1),
		.gpadl = word(message, 2),
		.vp = word(message, 3),
		.offset = word(message, 4),
	};

	take_open(&request);
}

static void take_message(const struct message *message)
{
	/* The least bytes of each body */
	static const uint8_t least[] = {
		[OPENCHANNEL] = 20,
		[CLOSECHANNEL] = 4,
		[GPADL_HEADER] = 20,
		[GPADL_BODY] = 8,
		[GPADL_TEARDOWN] = 8,
		[RELID_RELEASED] = 4,
		[INITIATE_CONTACT] = sizeof(struct contact),
		[MODIFYCHANNEL] = 8,
	};
	uint32_t type = message->type, len = message->len;

	note("<- message %u, %u bytes", type, HEADER + len);
	if (type < sizeof(least) && len < least[type]) {
		message_fault("a message of type %u and %u bytes", type, HEADER + len);
		return;
	}
	switch (type) {
	case INITIATE_CONTACT:
		take_contact(message);
		break;
	case REQUESTOFFERS:
		bus.requested = host_speaks(bus.version);
		break;
	case GPADL_HEADER:
		gpadl_header(message->body, len);
		break;
	case GPADL_BODY:
		gpadl_body(message->body, len);
		break;
	case GPADL_TEARDOWN:
		gpadl_teardown(word(message, 1));
		break;
	case OPENCHANNEL:
		take_open_message(message);
		break;
	case CLOSECHANNEL:
		take_close(word(message, 0));
		break;
	case RELID_RELEASED:
		release_relid(word(message, 0));
		break;
	case MODIFYCHANNEL:
		take_modify(word(message, 0), word(message, 1));
		break;
	case UNLOAD:
		take_unload();
		break;
	default:
		message_fault("unexpected message of type %u and %u bytes", type, HEADER + len);
	}
}

static bool read_message(void)
{
	struct message message;

	if (!queue_length)
		return false;
	message = queue[queue_first];
	queue_first = (queue_first + 1) % QUEUE;
	queue_length--;
	take_message(&message);
	return true;
}

/* Return whether a message of this type may come on this connection. */
static bool connection_is_right(uint32_t id, uint32_t type)
{
	if (id == CONNECTION)
		return true;
	/* Linux tries 5.x also with a host that is older. */
	if (bus.newest < VERSION_5_0)
		return false;
	if (type == INITIATE_CONTACT)
		return true;
	message_fault("not a contact on connection %u", id);
	return false;
}

/* Queue a message of the guest. Returns the result of its hypercall. */
uint32_t bus_receive(const struct vp *vp)
{
	uint32_t size = vp->size, id = vp->id;
	struct message *message;
	struct {
		uint32_t type, padding;
	} header;

	if (id != CONNECTION && id != CONTACT_CONNECTION)
		return HV_STATUS_INVALID_CONNECTION_ID;
	if (size < HEADER || size > MESSAGE_MAX || vp->type != HV_MESSAGE_VMBUS)
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	memcpy(&header, vp->payload, sizeof(header));
	if (!connection_is_right(id, header.type))
		return HV_STATUS_INVALID_HYPERCALL_INPUT;
	if (queue_length == QUEUE)
		return HV_STATUS_INSUFFICIENT_BUFFERS;
	message = &queue[(queue_first + queue_length++) % QUEUE];
	message->type = header.type;
	message->len = size - HEADER;
	memcpy(message->body, vp->payload + HEADER, message->len);
	return HV_STATUS_SUCCESS;
}

/*
 * Take one step: send a message, or read one, or do what is due. Returns
 * whether there was something to do.
 */
static bool take_step(void)
{
	if (bus.contacted) {
		answer_contact();
		return true;
	}
	if (bus.unload_at)
		return answer_unload();
	if (bus.requested && !bus.announced)
		return announce();
	if (bus.requested && (gpadl_step() || channel_step() || rescind_step() || offer_step()))
		return true;
	return read_message();
}

void bus_work(void)
{
	for_each_channel(c)
		channel_wake(c);
	synic_deliver();
	while (!message_in_flight() && take_step())
		;
}
