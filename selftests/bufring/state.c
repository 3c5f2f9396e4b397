// SPDX-License-Identifier: GPL-2.0-only
/*
 * These tests check the counters of a channel, its dump, and the latency of its
 * monitor page.
 */

#include "model.h"

static unsigned char buf[4096];

static void bytes_that_wait_in_the_rings(void)
{
	struct vmbus_packet pkt;
	struct model m;

	model_open(&m, 4096);
	CHECK_IS(channel_stats(m.guest).tx_used, 0);
	CHECK_IS(vmbus_queue(m.guest, 6, 0, 0, buf, 8), 0);
	CHECK_IS(channel_stats(m.guest).tx_used, 0);
	CHECK_IS(channel_stats(m.host).rx_used, 0);
	CHECK_IS(vmbus_flush(m.guest), 0);
	CHECK_IS(channel_stats(m.guest).tx_used, 32);
	CHECK_IS(channel_stats(m.host).rx_used, 32);
	CHECK_IS(vmbus_send(m.guest, 6, 0, 0, buf, 16), 0);
	CHECK_IS(channel_stats(m.guest).tx_used, 32 + VMBUS_PACKET_SPACE(16));
	CHECK_IS(channel_stats(m.host).rx_used, 72);
	CHECK_IS(vmbus_recv(m.host, &pkt, buf, sizeof(buf)), 0);
	CHECK_IS(channel_stats(m.guest).tx_used, 40);
	CHECK_IS(vmbus_recv(m.host, &pkt, buf, sizeof(buf)), 0);
	CHECK_IS(channel_stats(m.guest).tx_used, 0);
	/* A packet fits if it needs less than the free room. */
	while (tx_room(m.guest) > VMBUS_PACKET_SPACE(71))
		CHECK_IS(vmbus_send(m.guest, 6, 0, 0, buf, 71), 0);
	CHECK_IS(vmbus_send(m.guest, 6, 0, 0, buf, 71), -EAGAIN);
	*word(&m.to_host, READ_INDEX) = 3;
	CHECK_IS(channel_stats(m.guest).tx_used, 0);
	*word(&m.to_guest, WRITE_INDEX) = 3;
	CHECK_IS(channel_stats(m.guest).rx_used, 0);
	CHECK_IS(channel_stats(m.guest).error, 0);
	model_close(&m);
}

static void every_counter_counts(void)
{
	const struct iovec payloads[3] = { { buf, 8 }, { buf, 8 }, { buf, 16 } };
	struct vmbus_view views[3];
	struct vmbus_packet pkt;
	struct vmbus_stats s;
	struct model m;

	model_open(&m, 4096);
	CHECK_IS(vmbus_send_many(m.guest, 6, 0, 0, payloads, 3), 3);
	CHECK_IS(vmbus_send(m.guest, 6, 0, 0, buf, 1), 0);
	vmbus_stats(m.guest, &s, sizeof(s));
	CHECK_IS(s.tx_packets, 4);
	CHECK_IS(s.tx_bytes, 4 * 24 + 8 + 8 + 16 + 8);
	CHECK_IS(s.tx_publications, 2);
	CHECK_IS(s.tx_signals, 1);
	CHECK_IS(s.tx_full, 0);
	while (!vmbus_send(m.guest, 6, 0, 0, buf, 1000))
		;
	CHECK_IS(vmbus_peek(m.host, views, 3), 3);
	CHECK_IS(vmbus_release(m.host, &views[0]), 0);
	CHECK_IS(vmbus_release(m.host, &views[2]), 0);
	CHECK_IS(vmbus_recv(m.host, &pkt, buf, sizeof(buf)), 0);
	CHECK_IS(vmbus_skip(m.host), 0);
	vmbus_stats(m.host, &s, sizeof(s));
	CHECK_IS(s.rx_packets, 5);
	CHECK_IS(s.rx_bytes, 4 * 24 + 8 + 8 + 16 + 8 + 1024);
	CHECK_IS(s.rx_releases, 4);
	CHECK_IS(s.rx_signals, 1);
	CHECK_IS(s.rx_errors, 0);
	*word(&m.to_host, WRITE_INDEX) = 3;
	CHECK_IS(vmbus_wait(m.host, VMBUS_WAIT_RECV, 0), -EIO);
	while (!vmbus_recv(m.host, &pkt, buf, sizeof(buf)))
		;
	vmbus_stats(m.host, &s, sizeof(s));
	CHECK_IS(s.rx_errors, 1);
	vmbus_stats(m.guest, &s, sizeof(s));
	CHECK_IS(s.tx_full, 1);
	model_close(&m);
}

/* The program was built for a version with more members, or with fewer. */
static void counters_for_other_versions(void)
{
	struct {
		struct vmbus_stats s;
		uint64_t more;
	} larger = { .more = 7 };
	uint64_t fewer[2] = { 7, 7 };
	struct model m;

	model_open(&m, 4096);
	CHECK_IS(vmbus_send(m.guest, 6, 0, 0, buf, 1), 0);
	vmbus_stats(m.guest, &larger.s, sizeof(larger));
	CHECK_IS(larger.s.tx_packets, 1);
	CHECK_IS(larger.more, 0);
	vmbus_stats(m.guest, (void *)fewer, sizeof(fewer[0]));
	CHECK_IS(fewer[0], 1);
	CHECK_IS(fewer[1], 7);
	model_close(&m);
}

static void interrupts_are_counted(void)
{
	struct vmbus_chan *guest, *host;
	struct vmbus_stats s;

	MUST(!vmbus_open_pair(2 * getpagesize(), 0, &guest, &host));
	CHECK_IS(channel_signal(host), 0);
	CHECK_IS(vmbus_ack(guest), 0);
	CHECK_IS(vmbus_ack(guest), -EAGAIN);
	vmbus_stats(guest, &s, sizeof(s));
	CHECK_IS(s.interrupts, 1);
	vmbus_close(guest);
	vmbus_close(host);
}

static char *dump(struct vmbus_chan *chan, unsigned int packets, int expected)
{
	size_t size = 0;
	char *text = NULL;
	FILE *stream = open_memstream(&text, &size);

	MUST(stream);
	CHECK_IS(vmbus_dump(chan, stream, packets), expected);
	MUST(!fclose(stream));
	return text;
}

#define CHECK_TEXT(chan, packets, expected, part)                       \
	do {                                                            \
		char *text_ = dump(chan, packets, expected);            \
                                                                        \
		CHECK(strstr(text_, part));                             \
		if (!strstr(text_, part))                               \
			ksft_print_msg("no '%s' in:\n%s", part, text_); \
		free(text_);                                            \
	} while (0)

static void a_dump_shows_rings_and_packets(void)
{
	struct model m;

	model_open(&m, 4096);
	CHECK_TEXT(m.guest, 0, 0, "channel 0, signalled by function, open");
	CHECK_IS(vmbus_send(m.guest, 6, 1, 0xabc, buf, 5), 0);
	CHECK_IS(vmbus_send(m.guest, 11, 0, 2, buf, 9), 0);
	CHECK_IS(vmbus_queue(m.guest, 6, 0, 3, buf, 9), 0);
	CHECK_TEXT(m.guest, 8, 0,
		   "to the host: 4096 bytes, write 72, read 0, 72 used, "
		   "interrupt mask 0, pending send size 0, features 0x1\n"
		   "  queued up to 112\n"
		   "  at 0: type 6, flags 0x1, header 16, payload 8, transaction 0xabc\n"
		   "  at 32: type 11, flags 0x0, header 16, payload 16, transaction 0x2\n"
		   "from the host: 4096 bytes, write 0, read 0, 0 used");
	CHECK_TEXT(m.host, 1, 0, "transaction 0xabc\n  and 40 bytes more\n");
	CHECK_TEXT(m.guest, 8, 0,
		   "sent 3 packets, 112 bytes, in 2 batches, 1 signals, full 0 times");
	model_close(&m);
}

static void a_dump_of_what_a_host_lies_about(void)
{
	struct raw_descriptor d = { 6, 2, 1100, 0, 0 };
	struct model m;

	model_open(&m, 4096);
	ring_poke(&m.to_guest, 0, &d, sizeof(d));
	*word(&m.to_guest, WRITE_INDEX) = 64;
	CHECK_TEXT(m.guest, 8, 0, "  at 0: no packet, 64 bytes\n");
	*word(&m.to_guest, WRITE_INDEX) = 0xfffffff8;
	*word(&m.to_host, READ_INDEX) = 4096 + 64;
	CHECK_TEXT(m.guest, 8, 0, "write 4294967288 (impossible), read 0, interrupt");
	CHECK_TEXT(m.guest, 8, 0, "write 0, read 4160 (impossible), interrupt");
	model_close(&m);
}

static void a_dump_of_a_channel_that_has_ended(void)
{
	struct vmbus_chan *guest, *host;
	FILE *full = fopen("/dev/full", "we");

	MUST(full && !vmbus_open_pair(2 * getpagesize(), 0, &guest, &host));
	setbuf(full, NULL);
	CHECK_IS(vmbus_dump(guest, full, 1), -EIO);
	fclose(full);
	vmbus_close(host);
	CHECK_IS(vmbus_ack(guest), -ENODEV);
	CHECK_TEXT(guest, 8, -ENODEV, "ended: No such device\n");
	vmbus_close(guest);
}

static void latency_is_a_word_of_the_monitor_page(void)
{
	unsigned char page[2][4096] __attribute__((aligned(4096))) = { 0 };
	struct vmbus_chan *chan;
	struct vmbus_memory mem;
	struct model m;
	uint16_t value;

	model_open(&m, 4096);
	CHECK_IS(vmbus_set_latency(m.guest, 1), -EOPNOTSUPP);
	mem = side(&m.to_host, &m.to_guest, NULL);
	mem.int_page = page[0];
	mem.monitor_page = page[1];
	mem.relid = 17;
	mem.monitor_id = 33;
	MUST(!channel_from_memory(&mem, &chan));
	CHECK_IS(vmbus_info(chan)->relid, 17);
	CHECK_IS(vmbus_set_latency(chan, 50), 0);
	memcpy(&value, page[1] + 576 + 2 * 33, sizeof(value));
	CHECK_IS(value, 500);
	CHECK_IS(vmbus_set_latency(chan, 6554), -ERANGE);
	CHECK_IS(vmbus_set_latency(chan, 6553), 0);
	memcpy(&value, page[1] + 576 + 2 * 33, sizeof(value));
	CHECK_IS(value, 65530);
	value = 0;
	memcpy(page[1] + 576 + 2 * 33, &value, sizeof(value));
	for (int i = 0; i < 4096; i++)
		CHECK(!page[0][i] && !page[1][i]);
	vmbus_close(chan);
	model_close(&m);
}

static const struct test tests[] = {
	TEST(bytes_that_wait_in_the_rings),	  TEST(every_counter_counts),
	TEST(counters_for_other_versions),	  TEST(interrupts_are_counted),
	TEST(a_dump_shows_rings_and_packets),	  TEST(a_dump_of_what_a_host_lies_about),
	TEST(a_dump_of_a_channel_that_has_ended), TEST(latency_is_a_word_of_the_monitor_page),
};

int main(void)
{
	return RUN(tests);
}
