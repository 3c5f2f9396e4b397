// SPDX-License-Identifier: GPL-2.0-only
/*
 * batches CLASS SIGNALS: use the library on a real channel, against the host of
 * the bench's test batches: bursts with one signal, packets that are read and
 * built in the ring, full rings, sub-channels, and errors that end a channel.
 * SIGNALS is the file with the kernel's count of signals for the device. The
 * program prints "ok ...", "not ok ...", "say ..." for the host, and errors.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vmbus_bufring.h>

#include "../bufring/compose.h"
#include "../kselftest/wait.h"
#include "pattern.h"

#define BURST 32
#define VIEWS 128
/* The size in the ring of a packet that fills it, and of its payload */
#define LARGE	1024
#define PAYLOAD (LARGE - 24)

static unsigned int wrong;

static void is(const char *what, long long value, long long expected)
{
	if (value == expected)
		return;
	printf("%s is %lld, not %lld\n", what, value, expected);
	wrong++;
}

#define IS(value, expected) is(#value, value, expected)

/* The bytes in the ring from the host that are not yet received */
static uint32_t unread(const struct vmbus_chan *chan)
{
	struct vmbus_stats stats;

	vmbus_stats(chan, &stats, sizeof(stats));
	return stats.rx_used;
}

static void result(const char *name)
{
	printf("%sok %s\n", wrong ? "not " : "", name);
	wrong = 0;
}

/*
 * End the program after an error that makes the rest meaningless. The missing
 * results are failures.
 */
static void must(const char *what, bool good, int err)
{
	if (good)
		return;
	printf("not ok %s: %s (%s)\n", what, strerror(-err), vmbus_error());
	exit(1);
}

static long long kernel_signals(const char *path)
{
	FILE *f = fopen(path, "r");
	long long value = -1;

	if (!f || fscanf(f, "%lld", &value) != 1)
		printf("no number in %s\n", path);
	if (f)
		fclose(f);
	return value;
}

static struct vmbus_stats stats_of(struct vmbus_chan *chan)
{
	struct vmbus_stats stats;

	vmbus_stats(chan, &stats, sizeof(stats));
	return stats;
}

static struct vmbus_view views[VIEWS];

/*
 * Wait until there are @count packets, without taking them. views[] has the
 * result. One look shows at most a quarter of the ring, so @count packets must
 * fit there.
 */
static unsigned int look_for(struct vmbus_chan *chan, int count)
{
	int n = 0;

	while (n < count) {
		n = vmbus_wait(chan, VMBUS_WAIT_RECV, -1);
		if (n > 0)
			n = vmbus_peek(chan, views, VIEWS);
		must("packets of the host", n > 0, n);
		if (n < count)
			usleep(10000);
	}
	IS(n, count);
	return (unsigned int)n;
}

static void check_pattern(const struct vmbus_view *view, uint32_t length)
{
	const uint8_t *bytes = view->payload;

	IS(view->length, (length + 7) / 8 * 8);
	for (uint32_t i = 0; i < length && i < view->length; i++)
		if (bytes[i] != pattern(view->transaction_id, i)) {
			printf("byte %u of packet %llu is wrong\n", i,
			       (unsigned long long)view->transaction_id);
			wrong++;
			break;
		}
}

/* Wait for the host's packet of one byte, which must be the next one. */
static void await(struct vmbus_chan *chan, uint8_t word)
{
	look_for(chan, 1);
	IS(*(const uint8_t *)views[0].payload, word);
	IS(vmbus_release(chan, &views[0]), 0);
}

static void tell(struct vmbus_chan *chan, uint8_t word)
{
	IS(vmbus_send(chan, VMBUS_PACKET_INBAND, 0, 0, &word, 1), 0);
}

/*
 * Read 96 packets in place, which takes several looks because they fill more
 * than a quarter of the ring. Send them back in batches while the host reads
 * nothing.
 */
static void bursts(struct vmbus_chan *chan, const char *signals)
{
	static uint8_t copies[3 * BURST][64];
	struct tx_packet messages[3 * BURST];
	struct vmbus_stats before, after;
	unsigned int done = 0, looks = 0;
	long long signals_before;
	int n;

	before = stats_of(chan);
	while (done < 3 * BURST) {
		n = vmbus_wait(chan, VMBUS_WAIT_RECV, -1);
		if (n > 0)
			n = vmbus_peek(chan, views, VIEWS);
		must("packets of the host", n > 0, n);
		/* The host's next command may be there, too. */
		if (n > (int)(3 * BURST - done))
			n = (int)(3 * BURST - done);
		for (int i = 0; i < n; i++, done++) {
			check_pattern(&views[i], 64);
			memcpy(copies[done], views[i].payload, 64);
			messages[done] = (struct tx_packet){
				.payload = copies[done],
				.length = 64,
				.type = VMBUS_PACKET_INBAND,
				.transaction_id = views[i].transaction_id,
			};
		}
		IS(vmbus_release(chan, &views[n - 1]), 0);
		looks++;
	}
	await(chan, 0x10);
	after = stats_of(chan);
	IS(after.rx_packets - before.rx_packets, 3 * BURST + 1);
	IS(after.rx_releases - before.rx_releases, looks + 1);
	IS(after.rx_signals - before.rx_signals, 0);
	result("97 packets are read in the ring, and the packets of each look given back at once, with no signal to the host");

	before = after;
	signals_before = kernel_signals(signals);
	IS(send_packets(chan, messages, BURST), BURST);
	after = stats_of(chan);
	IS(after.tx_publications - before.tx_publications, 1);
	IS(after.tx_signals - before.tx_signals, 1);
	IS(kernel_signals(signals) - signals_before, 1);
	result("a burst of 32 is published once and signalled once");

	IS(send_packets(chan, messages + BURST, BURST), BURST);
	IS(queue_packets(chan, messages + 2 * BURST, BURST / 2), BURST / 2);
	IS(queue_packets(chan, messages + 2 * BURST + BURST / 2, BURST / 2), BURST / 2);
	IS(vmbus_flush(chan), 0);
	after = stats_of(chan);
	IS(after.tx_publications - before.tx_publications, 3);
	IS(after.tx_signals - before.tx_signals, 1);
	IS(kernel_signals(signals) - signals_before, 1);
	result("two more, while the host has not read the first, need no signal");
	printf("say bursts\n");
}

/* Reserve room for @len bytes in the ring, and wait for it without a limit. */
static void *reserve(struct vmbus_chan *chan, size_t len)
{
	void *payload = NULL;
	int err;

	while ((err = vmbus_reserve(chan, len, &payload)) == -EAGAIN) {
		err = vmbus_wait(chan, VMBUS_WAIT_SEND, -1);
		must("room to build in", err > 0, err);
	}
	must("a reservation", !err, err);
	return payload;
}

/*
 * Send back @count packets of 100 bytes, each built in the ring. Cancel some
 * reservations.
 */
static void build_in_place(struct vmbus_chan *chan, unsigned int count)
{
	unsigned int done = 0, batches = 0;
	int n;

	while (done < count) {
		n = vmbus_wait(chan, VMBUS_WAIT_RECV, -1);
		if (n > 0)
			n = vmbus_peek(chan, views, VIEWS);
		must("packets to be built again", n > 0, n);
		for (int i = 0; i < n; i++) {
			check_pattern(&views[i], 100);
			if (i % 7 == 3) {
				reserve(chan, 200);
				vmbus_cancel(chan);
			}
			memcpy(reserve(chan, 200), views[i].payload, 100);
			IS(vmbus_commit(chan, VMBUS_PACKET_INBAND, 0, views[i].transaction_id, 0,
					100),
			   0);
		}
		IS(vmbus_flush(chan), 0);
		IS(vmbus_release(chan, &views[n - 1]), 0);
		done += (unsigned int)n;
		batches++;
	}
	printf("%u packets in %u batches\n", done, batches);
	IS(done, count);
	result("300 packets, read in one ring and built in the other, around their ends again and again");
}

/* The host reads nothing until the program prints "full". */
static void full_to_the_host(struct vmbus_chan *chan)
{
	long long fit = (long long)(vmbus_info(chan)->tx_size - 1) / LARGE, sent = 0;
	static uint8_t payload[PAYLOAD];
	struct vmbus_stats before;
	int err;

	await(chan, 0x30);
	before = stats_of(chan);
	while ((err = vmbus_send(chan, VMBUS_PACKET_INBAND, 0, 0, payload, PAYLOAD)) == 0)
		sent++;
	IS(err, -EAGAIN);
	IS(sent, fit);
	IS(stats_of(chan).tx_full - before.tx_full, 1);
	IS(stats_of(chan).tx_signals - before.tx_signals, 1);
	IS(vmbus_wait(chan, VMBUS_WAIT_SEND, 300), -ETIMEDOUT);
	printf("say full %lld\n", sent);
	IS(vmbus_wait(chan, VMBUS_WAIT_SEND, -1), VMBUS_WAIT_SEND);
	for (sent = 0; sent < 50;) {
		err = vmbus_send(chan, VMBUS_PACKET_INBAND, 0, 0, payload, PAYLOAD);
		if (err == -EAGAIN)
			err = vmbus_wait(chan, VMBUS_WAIT_SEND, -1);
		else
			sent++;
		must("sending as room comes", err >= 0, err);
	}
	await(chan, 0x31);
	/* With an empty ring there is nothing to request. */
	tell(chan, 0x32);
	result("a full ring asks the host for room, waits for it, and goes on");
}

static void send_back(struct vmbus_chan *chan, const struct vmbus_view *view)
{
	int err;

	while ((err = vmbus_send(chan, VMBUS_PACKET_INBAND, 0, view->transaction_id, view->payload,
				 view->length)) == -EAGAIN) {
		err = vmbus_wait(chan, VMBUS_WAIT_SEND, -1);
		must("room to send back", err > 0, err);
	}
	must("sending back", !err, err);
}

static struct vmbus_view kept[VIEWS];
static uint8_t payloads[VIEWS][PAYLOAD];

/* The host has more packets than fit in the ring, so it must wait. */
static void full_to_the_guest(struct vmbus_chan *chan)
{
	unsigned int size = (unsigned int)vmbus_info(chan)->rx_size, fit = (size - 1) / LARGE;
	unsigned int done = 0, room;
	struct vmbus_stats before = stats_of(chan);
	int n;

	WAIT_UNTIL(unread(chan) >= fit * LARGE);
	usleep(200000);
	IS(unread(chan), fit * LARGE);
	IS(stats_of(chan).rx_signals - before.rx_signals, 0);
	/*
	 * The host requests a quarter of the ring and a signal when that is
	 * free. The guest sends nothing meanwhile, because a signal for a
	 * packet would make the host check the room, too.
	 */
	do {
		n = vmbus_peek(chan, views, 1);
		must("a packet of a full ring", n == 1, n);
		check_pattern(&views[0], PAYLOAD);
		kept[done] = views[0];
		kept[done].payload = memcpy(payloads[done], views[0].payload, PAYLOAD);
		IS(vmbus_release(chan, &views[0]), 0);
		done++;
		room = size - (fit - done) * LARGE;
		IS(stats_of(chan).rx_signals - before.rx_signals, room > size / 4);
	} while (room <= size / 4);
	for (unsigned int i = 0; i < done; i++)
		send_back(chan, &kept[i]);
	for (; done < 60; done += (unsigned int)n) {
		n = vmbus_wait(chan, VMBUS_WAIT_RECV, -1);
		if (n > 0)
			n = vmbus_peek(chan, views, VIEWS);
		must("what the host had to keep", n > 0, n);
		for (int i = 0; i < n; i++) {
			check_pattern(&views[i], PAYLOAD);
			send_back(chan, &views[i]);
		}
		IS(vmbus_release(chan, &views[n - 1]), 0);
	}
	IS(done, 60);
	result("a host that waits for room is signalled when it is there, and not before");
}

/*
 * Open each sub-channel by its relid. The host sends 20 packets on each, which
 * go back in one batch.
 */
static void sub_channels(struct vmbus_chan *chan, struct vmbus_chan *subs[2])
{
	struct vmbus_subchannel list[4];
	struct vmbus_chan *none;

	tell(chan, 0x50);
	WAIT_UNTIL(vmbus_subchannels(chan, list, 4) == 2);
	IS(vmbus_open_subchannel(chan, 9999, NULL, &none), -ENOENT);
	IS(vmbus_open_subchannel(chan, vmbus_info(chan)->relid, NULL, &none), -EINVAL);
	for (unsigned int i = 0; i < 2; i++) {
		int err = vmbus_open_subchannel(chan, list[i].relid, NULL, &subs[i]);

		must("opening a sub-channel", !err, err);
		IS(list[i].index, i + 1);
		IS(list[i].cpu != UINT32_MAX, 1);
		IS(vmbus_info(subs[i])->relid, list[i].relid);
	}
	printf("say relids %u %u %u\n", vmbus_info(chan)->relid, list[0].relid, list[1].relid);
	result("the sub-channels are found and opened by their relids");

	for (unsigned int i = 0; i < 2; i++) {
		struct tx_packet messages[20];
		struct vmbus_stats before;
		unsigned int got;

		tell(subs[i], (uint8_t)(0x51 + i));
		before = stats_of(subs[i]);
		got = look_for(subs[i], 20);
		for (unsigned int m = 0; m < got && m < 20; m++) {
			check_pattern(&views[m], 64);
			messages[m] = (struct tx_packet){
				.payload = views[m].payload,
				.length = 64,
				.type = VMBUS_PACKET_INBAND,
				.transaction_id = views[m].transaction_id,
			};
		}
		IS(send_packets(subs[i], messages, 20), 20);
		IS(vmbus_release(subs[i], &views[got - 1]), 0);
		IS(stats_of(subs[i]).tx_publications - before.tx_publications, 1);
		IS(stats_of(subs[i]).rx_packets - before.rx_packets, 20);
		/*
		 * The host may take the packets of the channels in any order.
		 */
		await(subs[i], 0x5a);
	}
	result("packets in both directions on each of them");
}

/*
 * Check that each function returns -ENODEV for a channel that the host has
 * rescinded.
 */
static void all_say_enodev(struct vmbus_chan *chan)
{
	struct vmbus_packet pkt;
	uint64_t word = 0;
	void *payload;

	IS(vmbus_wait(chan, VMBUS_WAIT_RECV, -1), -ENODEV);
	IS(vmbus_recv(chan, &pkt, &word, sizeof(word)), -ENODEV);
	IS(vmbus_peek(chan, views, VIEWS), -ENODEV);
	IS(vmbus_send(chan, VMBUS_PACKET_INBAND, 0, 0, &word, sizeof(word)), -ENODEV);
	IS(vmbus_reserve(chan, 8, &payload), -ENODEV);
	IS(vmbus_flush(chan), -ENODEV);
}

static struct vmbus_chan *open_channel(const char *id)
{
	/*
	 * Small rings fill up and wrap around soon. A ring has two pages at
	 * least.
	 */
	const uint32_t page = (uint32_t)getpagesize();
	const struct vmbus_open_options options = {
		.struct_size = sizeof(options),
		.ring_size = page < 8192 ? 16384 : 2 * page,
	};
	struct vmbus_chan *chan;

	WAIT_UNTIL(!vmbus_open(id, &options, &chan));
	return chan;
}

int main(int argc, char **argv)
{
	struct vmbus_chan *chan, *subs[2];
	struct vmbus_packet pkt;
	uint64_t word;
	int err;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 3) {
		fprintf(stderr, "usage: batches CLASS SIGNALS\n");
		return 2;
	}
	err = vmbus_guard();
	must("the guard", !err, err);
	chan = open_channel(argv[1]);
	bursts(chan, argv[2]);
	build_in_place(chan, 300);
	full_to_the_host(chan);
	full_to_the_guest(chan);
	sub_channels(chan, subs);

	IS(vmbus_recv(chan, &pkt, &word, sizeof(word)), -EAGAIN);
	IS(vmbus_wait(chan, VMBUS_WAIT_RECV, 100), -ETIMEDOUT);
	tell(chan, 0x60);
	all_say_enodev(chan);
	for (int i = 0; i < 2; i++) {
		all_say_enodev(subs[i]);
		vmbus_close(subs[i]);
	}
	vmbus_close(chan);
	result("nothing there, a time that is up and a rescind are three errors, on sub-channels too");

	chan = open_channel(argv[1]);
	IS(vmbus_wait(chan, VMBUS_WAIT_RECV, -1), VMBUS_WAIT_RECV);
	IS(vmbus_recv(chan, &pkt, &word, sizeof(word)), -EPROTO);
	IS(vmbus_skip(chan), 0);
	tell(chan, 0x61);
	/* The host only writes an index and does not interrupt. */
	do
		err = vmbus_wait(chan, VMBUS_WAIT_RECV, 100);
	while (err == -ETIMEDOUT);
	IS(err, -EIO);
	IS(vmbus_recv(chan, &pkt, &word, sizeof(word)), -EIO);
	vmbus_close(chan);
	result("an impossible packet and an impossible index are two more");
	return 0;
}
