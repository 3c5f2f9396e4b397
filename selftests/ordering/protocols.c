// SPDX-License-Identifier: GPL-2.0-only
/*
 * This program checks the promises between host and guest on a machine with
 * weak memory. The guest is the library's own code. First, no execution may
 * break a protocol. Then the machine leaves out one ordering after the other,
 * of the library and of the host, and each time some execution must break a
 * protocol. So this program detects the loss of any ordering.
 */
#include "../kselftest/ktap.h"
#include "host.h"
#include "../../lib/internal.h"
#undef unlikely
#include "../../lib/vmbus_bufring_compat/vmbus_bufring.h"

#define LIMIT 3000000ul /* the limit of executions of a protocol, which none reaches */
#define SMALL 8u	/* bytes of payload */
#define LARGE 24u

/* Each execution starts with the state that the setup has left. */
static struct state {
	struct host_ring to_host, to_guest;
	uint32_t host_event, guest_event;
	struct vmbus_chan *chan;
	unsigned int sent, received, host_received;
} *s;
static struct vmbus_memory memory;
static unsigned char *rings;
static size_t rings_size;

static int signal_host(void *ctx)
{
	machine_wake(ctx);
	return 0;
}

/*
 * Lay both rings out in one piece of memory. The sizes are those of their data.
 */
static void open_rings(uint32_t to_host, uint32_t to_guest)
{
	unsigned char *second;

	s = machine_alloc(64, sizeof(*s));
	rings_size = 2 * HEADER_SIZE + to_host + to_guest;
	rings = machine_alloc(64, rings_size);
	second = rings + HEADER_SIZE + to_host;
	memory = (struct vmbus_memory){
		.flags = VMBUS_MEMORY_RESET,
		.fd = -1,
		.tx_ring = rings,
		.tx_size = HEADER_SIZE + to_host,
		.rx_ring = second,
		.rx_size = HEADER_SIZE + to_guest,
		.header_size = HEADER_SIZE,
		.signal = signal_host,
		.ctx = &s->host_event,
	};
	s->to_host = (struct host_ring){ .shared = (void *)rings,
					 .data = rings + HEADER_SIZE,
					 .size = to_host };
	s->to_guest = (struct host_ring){ .shared = (void *)second,
					  .data = second + HEADER_SIZE,
					  .size = to_guest };
}

static struct vmbus_chan *open_channel(void)
{
	struct vmbus_chan *chan;
	int err = channel_from_memory(&memory, &chan);

	if (err)
		machine_violation("channel_from_memory() is %d", err);
	return chan;
}

static void setup(uint32_t to_host, uint32_t to_guest)
{
	open_rings(to_host, to_guest);
	s->chan = open_channel();
}

static bool try_send(uint32_t len)
{
	uint64_t payload[LARGE / 8];
	int err;

	host_fill(payload, s->sent, len);
	err = vmbus_send(s->chan, VMBUS_PACKET_INBAND, 0, s->sent, payload, len);
	if (err && err != -EAGAIN)
		machine_violation("vmbus_send() is %d", err);
	s->sent += !err;
	return !err;
}

static void check_packet(uint64_t id, const uint64_t *payload, uint32_t len)
{
	if (id != s->received || !host_filled(payload, id, len))
		machine_violation("packet %llu of the guest is another one",
				  (unsigned long long)id);
	s->received++;
}

static bool try_receive(void)
{
	uint64_t payload[LARGE / 8];
	struct vmbus_packet pkt;
	int err = vmbus_recv(s->chan, &pkt, payload, sizeof(payload));

	if (err == -EAGAIN)
		return false;
	if (err)
		machine_violation("vmbus_recv() is %d", err);
	check_packet(pkt.transaction_id, payload, pkt.length);
	return true;
}

static bool try_in_place(void)
{
	struct vmbus_view view;
	int n = vmbus_peek(s->chan, &view, 1);

	if (n == -EAGAIN)
		return false;
	if (n != 1)
		machine_violation("vmbus_peek() is %d", n);
	check_packet(view.transaction_id, view.payload, view.length);
	n = vmbus_release(s->chan, &view);
	if (n)
		machine_violation("vmbus_release() is %d", n);
	return true;
}

static void interrupt_guest(bool needed)
{
	if (needed)
		machine_wake(&s->guest_event);
}

/* Packets are visible before the index that shows them. */

static void publish_setup(void)
{
	setup(128, 128);
}

static void guest_sends_two(void)
{
	try_send(SMALL);
	try_send(SMALL);
}

static void host_looks_three_times(void)
{
	for (int i = 0; i < 3; i++)
		host_read(&s->to_host);
}

static void host_writes_two(void)
{
	host_write(&s->to_guest, SMALL);
	host_write(&s->to_guest, SMALL);
}

static void guest_looks_three_times(void)
{
	for (int i = 0; i < 3; i++)
		try_receive();
}

static void guest_looks_in_place(void)
{
	for (int i = 0; i < 3; i++)
		try_in_place();
}

/*
 * The reader has finished before the writer overwrites. Each ring holds one
 * packet.
 */

static void reuse_setup(void)
{
	setup(64, 64);
	host_write(&s->to_guest, LARGE);
}

static void host_overwrites(void)
{
	for (int i = 0; i < 2; i++)
		if (host_has_room(&s->to_guest, host_need(LARGE))) {
			host_write(&s->to_guest, LARGE);
			return;
		}
}

static void guest_receives(void)
{
	for (int i = 0; i < 2; i++)
		try_receive();
}

static void guest_overwrites(void)
{
	try_send(LARGE);
	for (int i = 0; i < 2; i++)
		if (try_send(LARGE))
			return;
}

/*
 * The functions of ring.h must keep that order alone. In a channel's functions,
 * the fence of channel_check() would hide a fault.
 */
static void guest_overwrites_by_ring(void)
{
	struct tx_ring *tx = &s->chan->tx;
	uint32_t need = tx_ring_need(LARGE);
	uint64_t payload[LARGE / 8];

	while (s->sent < 2) {
		if (tx->room <= need)
			return;
		host_fill(payload, s->sent, LARGE);
		tx_ring_put(tx,
			    tx_ring_word(VMBUS_PACKET_INBAND, 0, RING_DESCRIPTOR,
					 need - RING_TRAILER),
			    s->sent, payload, LARGE, need);
		s->sent++;
		tx_ring_publish(tx);
	}
}

static void reuse_by_ring_setup(void)
{
	reuse_setup();
	tx_ring_look(&s->chan->tx);
}

/* Nobody sleeps while a packet waits. */

static void host_serves(bool masks)
{
	struct host_ring *ring = &s->to_host;

	while ((s->host_received += host_read(ring)) < 2) {
		if (host_may_sleep(ring))
			machine_sleep(&s->host_event);
		if (masks)
			WRITE_ONCE(ring->shared->interrupt_mask, 1);
	}
}

static void host_serves_two(void)
{
	host_serves(false);
}

static void host_serves_two_masking(void)
{
	host_serves(true);
}

static void guest_serves_two(void)
{
	int ready;

	for (;;) {
		while (try_receive())
			;
		if (s->received == 2)
			return;
		ready = vmbus_arm(s->chan, VMBUS_WAIT_RECV);
		if (ready < 0)
			machine_violation("vmbus_arm() is %d", ready);
		if (!ready) {
			machine_sleep(&s->guest_event);
			mask_interrupts(s->chan);
		}
	}
}

static void host_interrupts(void)
{
	interrupt_guest(host_write(&s->to_guest, SMALL));
	interrupt_guest(host_write(&s->to_guest, SMALL));
}

/* Nobody waits for available room. */

static void room_setup(void)
{
	setup(64, 96);
	try_send(LARGE);
	s->host_event = 0;
	host_write(&s->to_guest, SMALL);
}

static void guest_sends_when_told(void)
{
	/* After -EAGAIN the host knows that the guest waits. */
	while (!try_send(LARGE))
		machine_sleep(&s->guest_event);
}

static void guest_sends_when_armed(void)
{
	while (!try_send(LARGE)) {
		int ready = vmbus_arm(s->chan, VMBUS_WAIT_SEND);

		if (ready < 0)
			machine_violation("vmbus_arm() is %d", ready);
		if (!ready)
			machine_sleep(&s->guest_event);
	}
	/* A guest that asks for more room is interrupted without need. */
	if (vmbus_arm(s->chan, VMBUS_WAIT_SEND) != VMBUS_WAIT_SEND)
		machine_violation("the refusal outlives the packet");
}

static void host_makes_room(void)
{
	uint32_t before = s->to_host.index;

	host_read(&s->to_host);
	interrupt_guest(host_must_tell_room(&s->to_host, before));
}

static void guest_receives_two(void)
{
	while (s->received < 2)
		if (!try_receive())
			machine_sleep(&s->guest_event);
}

/*
 * The setup wrote the first packet, so the guest may release it before it knows
 * of the second one.
 */
static void host_writes_when_told(void)
{
	struct host_ring *ring = &s->to_guest;

	host_write(ring, SMALL);
	interrupt_guest(true);
	while (!host_has_room(ring, host_need(SMALL)))
		if (host_may_sleep_for_room(ring, host_need(SMALL)))
			machine_sleep(&s->host_event);
	WRITE_ONCE(ring->shared->pending_send_sz, 0);
	host_write(ring, SMALL);
}

/*
 * On a monitored channel, a signal is a bit of the interrupt page and then a
 * bit of the monitor page, which the host reads first.
 */

static unsigned char *pages;

static void monitor_setup(void)
{
	setup(128, 128);
	pages = machine_alloc(4096, 2 * 4096);
	channel_set_monitor(s->chan, pages, pages + 4096, 0, 0);
}

static void host_polls_monitor(void)
{
	while (s->host_received < 2) {
		machine_sleep((uint32_t *)(void *)s->chan->monitor_word);
		if (!READ_ONCE(*s->chan->event_word))
			continue;
		atomic_exchange_explicit(s->chan->event_word, 0, memory_order_relaxed);
		do
			s->host_received += host_read(&s->to_host);
		while (!host_may_sleep(&s->to_host));
	}
}

/* Nobody uses the zeros with which the guard replaces the rings. */

static void guard_setup(void)
{
	setup(64, 64);
	host_write(&s->to_guest, SMALL);
	if (vmbus_guard() || !guard_add(s->chan, rings, rings_size))
		machine_violation("no guard");
	machine_may_vanish(rings, rings_size);
}

static void guest_sends_into_nothing(void)
{
	uint64_t payload = host_word(0, 0);
	int err = vmbus_send(s->chan, VMBUS_PACKET_INBAND, 0, 0, &payload, sizeof(payload));

	if (err && err != -ENODEV)
		machine_violation("vmbus_send() is %d, which zeros made it", err);
}

static void guest_masks_nothing(void)
{
	mask_interrupts(s->chan);
}

/*
 * The setup wrote a packet. The guest receives it, or notices the rescind.
 */
static void guest_receives_from_nothing(void)
{
	uint64_t payload = 0;
	struct vmbus_packet pkt;
	int err = vmbus_recv(s->chan, &pkt, &payload, sizeof(payload));

	if (err && err != -ENODEV)
		machine_violation("vmbus_recv() is %d, which zeros made it", err);
	if (!err && (pkt.transaction_id || pkt.length != SMALL || payload != host_word(0, 0)))
		machine_violation("vmbus_recv() took zeros for a packet");
}

static void guest_peeks_at_nothing(void)
{
	struct vmbus_view view;
	uint64_t payload;
	int n = vmbus_peek(s->chan, &view, 1);

	if (n != 1 && n != -ENODEV)
		machine_violation("vmbus_peek() is %d, which zeros made it", n);
	if (n != 1)
		return;
	if (view.length != SMALL || view.transaction_id)
		machine_violation("vmbus_peek() took zeros for a packet");
	memcpy(&payload, view.payload, sizeof(payload));
	n = vmbus_release(s->chan, &view);
	if (!n && payload != host_word(0, 0))
		machine_violation("vmbus_release() did not tell of zeros");
}

/*
 * A thread that faults finds its own range, whatever other threads do to the
 * list meanwhile.
 */

static struct vmbus_chan *other;
static struct range *others;

#define MINE   ((void *)0x1000)
#define OTHERS ((void *)0x2000)
#define THIRD  ((void *)0x3000)
#define PIECE  0x1000u

static void ranges_setup(void)
{
	setup(64, 64);
	other = open_channel();
	if (vmbus_guard())
		machine_violation("no guard");
	/*
	 * The newest range is the first in the list, so the fault looks at
	 * both.
	 */
	guard_add(s->chan, MINE, PIECE);
	others = guard_add(other, OTHERS, 2 * PIECE);
}

static void guest_faults(void)
{
	machine_fault((unsigned char *)MINE + 8);
	if (machine_covered() != MINE)
		machine_violation("a fault was taken for one of another range");
	if (READ_ONCE(s->chan->dead) != -ENODEV || READ_ONCE(other->dead))
		machine_violation("a fault ended another channel");
}

static void other_closes_and_opens(void)
{
	guard_remove(others);
	/*
	 * With this start and its previous size, it would contain the range
	 * that faults.
	 */
	if (!guard_add(other, NULL, 0x800))
		machine_violation("out of memory");
}

static void other_closes(void)
{
	guard_remove(others);
}

static void third_opens(void)
{
	if (!guard_add(other, THIRD, PIECE))
		machine_violation("out of memory");
}

static void fourth_opens_and_faults(void)
{
	struct range *range = guard_add(s->chan, MINE, PIECE);

	if (!range)
		machine_violation("out of memory");
	guest_faults();
}

static void empty_setup(void)
{
	setup(64, 64);
	other = open_channel();
	if (vmbus_guard())
		machine_violation("no guard");
}

/* A ring gets a new owner, and only the index tells that to the owner. */

static void hand_over_setup(void)
{
	open_rings(128, 64);
	s->chan = open_channel();
	host_write(&s->to_guest, LARGE);
	memory.flags = 0;
}

static void former_sends(void)
{
	try_send(SMALL);
}

static void next_sends(void)
{
	struct tx_ring *tx = &open_channel()->tx;
	uint32_t need = tx_ring_need(SMALL);
	uint64_t payload = host_word(1, 0);

	if (tx->write != need)
		return;
	tx_ring_put(tx, tx_ring_word(VMBUS_PACKET_INBAND, 0, RING_DESCRIPTOR, need - RING_TRAILER),
		    1, &payload, SMALL, need);
	tx_ring_publish(tx);
}

static void host_looks_once(void)
{
	host_read(&s->to_host);
}

static void former_receives(void)
{
	try_receive();
}

static void next_gives_back(void)
{
	struct vmbus_chan *chan = open_channel();

	if (chan->rx.read == host_need(LARGE))
		rx_ring_release(&chan->rx);
}

/* The rings of a pair are one mapping, which the last side unmaps. */

static void pair_setup(void)
{
	atomic_uint *users;

	setup(64, 64);
	memory.flags = 0;
	other = open_channel();
	users = machine_alloc(4, sizeof(*users));
	WRITE_ONCE(*users, 2);
	if (channel_own(s->chan, MAP_RINGS, rings, rings_size) ||
	    channel_own(other, MAP_RINGS, rings, rings_size))
		machine_violation("out of memory");
	s->chan->maps[MAP_RINGS].users = users;
	other->maps[MAP_RINGS].users = users;
}

static void one_side_sends_and_closes(void)
{
	try_send(SMALL);
	channel_disown(s->chan, MAP_RINGS);
}

static void other_side_closes(void)
{
	channel_disown(other, MAP_RINGS);
}

/* Two threads send on one channel, with either lock. */

const void *machine_this_thread(void)
{
	static const char threads[MACHINE_THREADS + 1];

	return &threads[machine_thread() + 1];
}

static void open_producers(enum producers producers)
{
	setup(128, 64);
	set_producers(s->chan, producers);
}

static void spin_setup(void)
{
	open_producers(PRODUCERS_SPIN);
}

static void mutex_setup(void)
{
	open_producers(PRODUCERS_MUTEX);
}

static void producer_queues(void)
{
	uint64_t payload = 0;

	if (vmbus_queue(s->chan, VMBUS_PACKET_INBAND, 0, 0, &payload, sizeof(payload)))
		machine_violation("the ring cannot be full");
}

static void producers_queued_two(void)
{
	if (s->chan->tx.write != 2 * host_need(SMALL))
		machine_violation("one packet lies over another");
}

/* Two threads send by the compatibility header, which has its own lock. */

static struct vmbus_br *compat;

static void compat_setup(void)
{
	void *ring = machine_alloc(64, 4096 + 128);

	ring_reset(ring);
	compat = machine_alloc(64, sizeof(*compat));
	vmbus_br_setup(compat, ring, 4096 + 128);
}

static void compat_sends(void)
{
	uint64_t payload = 0;

	if (rte_vmbus_chan_send(compat, VMBUS_PACKET_INBAND, &payload, sizeof(payload), 0))
		machine_violation("the ring cannot be full");
}

static void compat_sent_two(void)
{
	if (compat->windex != 2 * host_need(SMALL))
		machine_violation("one packet lies over another");
}

#define PROTOCOL(name, setup, ...) { name, setup, { __VA_ARGS__ }, NULL }

static const struct program protocols[] = {
	PROTOCOL("the host sees packets before the index", publish_setup, guest_sends_two,
		 host_looks_three_times),
	PROTOCOL("the guest sees packets before the index", publish_setup, guest_looks_three_times,
		 host_writes_two),
	PROTOCOL("the guest sees packets in place before the index", publish_setup,
		 guest_looks_in_place, host_writes_two),
	PROTOCOL("the guest has read before the host overwrites", reuse_setup, guest_receives,
		 host_overwrites),
	PROTOCOL("the host has read before the guest overwrites", reuse_setup, guest_overwrites,
		 host_looks_three_times),
	PROTOCOL("the host has read what publication shows as room", reuse_by_ring_setup,
		 guest_overwrites_by_ring, host_looks_three_times),
	PROTOCOL("no signal is lost", publish_setup, guest_sends_two, host_serves_two),
	PROTOCOL("no signal is lost when the host masks", publish_setup, guest_sends_two,
		 host_serves_two_masking),
	PROTOCOL("no signal by monitor page is lost", monitor_setup, guest_sends_two,
		 host_polls_monitor),
	PROTOCOL("no interrupt is lost", publish_setup, guest_serves_two, host_interrupts),
	PROTOCOL("the guest hears of room", room_setup, guest_sends_when_told, host_makes_room),
	PROTOCOL("the guest hears of room after vmbus_arm()", room_setup, guest_sends_when_armed,
		 host_makes_room),
	PROTOCOL("the host hears of room", room_setup, guest_receives_two, host_writes_when_told),
	PROTOCOL("zeros are not received", guard_setup, guest_receives_from_nothing,
		 guest_masks_nothing, machine_take_away),
	PROTOCOL("zeros are not received in place", guard_setup, guest_peeks_at_nothing,
		 guest_masks_nothing, machine_take_away),
	PROTOCOL("zeros do not fail a send", guard_setup, guest_sends_into_nothing,
		 guest_masks_nothing, machine_take_away),
	PROTOCOL("a fault finds its range while another changes", ranges_setup, guest_faults,
		 other_closes_and_opens),
	PROTOCOL("a fault finds its range while others come and go", ranges_setup, guest_faults,
		 other_closes, third_opens),
	PROTOCOL("two ranges are added at a time", empty_setup, fourth_opens_and_faults,
		 third_opens),
	PROTOCOL("a sender takes over a ring", hand_over_setup, former_sends, next_sends,
		 host_looks_once),
	PROTOCOL("a receiver takes over a ring", hand_over_setup, former_receives, next_gives_back,
		 host_overwrites),
	PROTOCOL("both sides of a pair are done before it is unmapped", pair_setup,
		 one_side_sends_and_closes, other_side_closes),
	{ "two threads queue with a lock that spins",
	  spin_setup,
	  { producer_queues, producer_queues },
	  producers_queued_two },
	{ "two threads queue with a mutex",
	  mutex_setup,
	  { producer_queues, producer_queues },
	  producers_queued_two },
	{ "two threads send by the compatibility header",
	  compat_setup,
	  { compat_sends, compat_sends },
	  compat_sent_two },
};

#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static bool reached[PROTOCOLS][SITES];

static void check_protocol(unsigned int number)
{
	struct result result = machine_explore(&protocols[number], LIMIT);

	memcpy(reached[number], result.reached, sizeof(result.reached));
	ksft_print_msg("%lu executions, and %lu that began as equivalents of one of them%s%s\n",
		       result.executions, result.abandoned, *result.why ? ": " : "", result.why);
	ksft_test_result(result.exhausted, "%s\n", protocols[number].name);
}

/*
 * The name is the text of the source, without brackets around a macro's
 * argument.
 */
static void name_of(const struct site *site, char *name, size_t size)
{
	size_t len = strlen(site->word);
	bool brackets = len > 1 && site->word[0] == '(' && site->word[len - 1] == ')';

	snprintf(name, size, "%s(%.*s) in %s()", site->what, (int)(brackets ? len - 2 : len),
		 site->word + brackets, site->function);
}

/*
 * Whether a protocol breaks without the ordering. Only protocols that reach its
 * site can do so.
 */
static bool breaks(unsigned int number, const char **by, struct result *result)
{
	for (unsigned int i = 0; i < PROTOCOLS; i++) {
		if (!reached[i][number])
			continue;
		*by = protocols[i].name;
		*result = machine_explore(&protocols[i], LIMIT);
		if (!result->exhausted)
			return result->violated;
	}
	return false;
}

static void check_ordering(unsigned int number)
{
	const char *by = "no protocol comes by";
	struct result result = { .violated = false };
	char name[200];
	bool broken;

	machine_mutant = __start_ordering_sites[number];
	name_of(machine_mutant, name, sizeof(name));
	broken = breaks(number, &by, &result);
	if (*result.why)
		ksft_print_msg("\"%s\": %s\n", by, result.why);
	ksft_test_result(broken, "a protocol breaks without %s\n", name);
}

int main(void)
{
	unsigned int orderings = 0, count = machine_sites();
	bool ordering[SITES] = { false };

	for (unsigned int i = 0; i < count; i++) {
		const struct site *site = __start_ordering_sites[i];

		ordering[i] = site->first == site && site->order != memory_order_relaxed;
		orderings += ordering[i];
	}
	ksft_print_header();
	ksft_set_plan(PROTOCOLS + orderings);
	for (unsigned int i = 0; i < PROTOCOLS; i++)
		check_protocol(i);
	for (unsigned int i = 0; i < count; i++)
		if (ordering[i])
			check_ordering(i);
	ksft_finished();
}
