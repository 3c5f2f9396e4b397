// SPDX-License-Identifier: GPL-2.0-only
/*
 * These tests check the counters of a channel, and its pages if it is
 * monitored.
 */

#include "../../lib/internal.h"
#include "model.h"

static unsigned char buf[4096];

MODEL_TEST(bytes_that_wait_in_the_rings)
{
	struct vmbus_packet pkt;

	CHECK_IS(channel_stats(m->guest).tx_used, 0);
	CHECK_IS(vmbus_queue(m->guest, 6, 0, 0, buf, 8), 0);
	CHECK_IS(channel_stats(m->guest).tx_used, 0);
	CHECK_IS(channel_stats(m->host).rx_used, 0);
	CHECK_IS(m->guest_signals, 0);
	CHECK_IS(vmbus_flush(m->guest), 0);
	CHECK_IS(m->guest_signals, 1);
	CHECK_IS(channel_stats(m->guest).tx_used, 32);
	CHECK_IS(channel_stats(m->host).rx_used, 32);
	CHECK_IS(vmbus_send(m->guest, 6, 0, 0, buf, 16), 0);
	CHECK_IS(channel_stats(m->guest).tx_used, 32 + VMBUS_PACKET_SPACE(16));
	CHECK_IS(channel_stats(m->host).rx_used, 72);
	CHECK_IS(vmbus_recv(m->host, &pkt, buf, sizeof(buf)), 0);
	CHECK_IS(channel_stats(m->guest).tx_used, 40);
	CHECK_IS(vmbus_recv(m->host, &pkt, buf, sizeof(buf)), 0);
	CHECK_IS(channel_stats(m->guest).tx_used, 0);
	/* A packet fits if it needs less than the free room. */
	while (tx_room(m->guest) > VMBUS_PACKET_SPACE(71))
		CHECK_IS(vmbus_send(m->guest, 6, 0, 0, buf, 71), 0);
	CHECK_IS(vmbus_send(m->guest, 6, 0, 0, buf, 71), -EAGAIN);
	*word(&m->to_host, READ_INDEX) = 3;
	CHECK_IS(channel_stats(m->guest).tx_used, 0);
	*word(&m->to_guest, WRITE_INDEX) = 3;
	CHECK_IS(channel_stats(m->guest).rx_used, 0);
	CHECK_IS(channel_stats(m->guest).error, 0);
}

MODEL_TEST(every_counter_counts)
{
	const struct iovec payloads[3] = { { buf, 8 }, { buf, 8 }, { buf, 16 } };
	struct vmbus_view views[3];
	struct vmbus_packet pkt;
	struct vmbus_stats s;

	CHECK_IS(vmbus_send_many(m->guest, 6, 0, 0, payloads, 3), 3);
	CHECK_IS(vmbus_send(m->guest, 6, 0, 0, buf, 1), 0);
	vmbus_stats(m->guest, &s, sizeof(s));
	CHECK_IS(s.tx_packets, 4);
	CHECK_IS(s.tx_bytes, 4 * 24 + 8 + 8 + 16 + 8);
	CHECK_IS(s.tx_publications, 2);
	CHECK_IS(s.tx_signals, 1);
	CHECK_IS(s.tx_full, 0);
	while (!vmbus_send(m->guest, 6, 0, 0, buf, 1000))
		;
	CHECK_IS(vmbus_peek(m->host, views, 3), 3);
	CHECK_IS(vmbus_release(m->host, &views[0]), 0);
	CHECK_IS(vmbus_release(m->host, &views[2]), 0);
	CHECK_IS(vmbus_recv(m->host, &pkt, buf, sizeof(buf)), 0);
	CHECK_IS(vmbus_skip(m->host), 0);
	vmbus_stats(m->host, &s, sizeof(s));
	CHECK_IS(s.rx_packets, 5);
	CHECK_IS(s.rx_bytes, 4 * 24 + 8 + 8 + 16 + 8 + 1024);
	CHECK_IS(s.rx_releases, 4);
	CHECK_IS(s.rx_signals, 1);
	CHECK_IS(s.rx_errors, 0);
	*word(&m->to_host, WRITE_INDEX) = 3;
	CHECK_IS(vmbus_wait(m->host, VMBUS_WAIT_RECV, 0), -EIO);
	while (!vmbus_recv(m->host, &pkt, buf, sizeof(buf)))
		;
	vmbus_stats(m->host, &s, sizeof(s));
	CHECK_IS(s.rx_errors, 1);
	vmbus_stats(m->guest, &s, sizeof(s));
	CHECK_IS(s.tx_full, 1);
}

/* The program was built for a version with more members, or with fewer. */
MODEL_TEST(counters_for_other_versions)
{
	struct {
		struct vmbus_stats s;
		uint64_t more;
	} larger = { .more = 7 };
	uint64_t fewer[2] = { 7, 7 };

	CHECK_IS(vmbus_send(m->guest, 6, 0, 0, buf, 1), 0);
	vmbus_stats(m->guest, &larger.s, sizeof(larger));
	CHECK_IS(larger.s.tx_packets, 1);
	CHECK_IS(larger.more, 0);
	vmbus_stats(m->guest, (void *)fewer, sizeof(fewer[0]));
	CHECK_IS(fewer[0], 1);
	CHECK_IS(fewer[1], 7);
}

PAIR_TEST(interrupts_are_counted)
{
	struct vmbus_stats s;

	CHECK_IS(channel_signal(host), 0);
	CHECK_IS(vmbus_ack(guest), 0);
	CHECK_IS(vmbus_ack(guest), -EAGAIN);
	vmbus_stats(guest, &s, sizeof(s));
	CHECK_IS(s.interrupts, 1);
}

MODEL_TEST(a_monitored_channel_uses_its_pages)
{
	unsigned char page[2][4096] __attribute__((aligned(4096))) = { 0 };
	unsigned char *event = &page[0][4095], *trigger = &page[1][8 + 3 * 8 + 3];
	uint16_t latency;

	CHECK_IS(vmbus_set_latency(m->guest, 1), -EOPNOTSUPP);
	channel_set_monitor(m->guest, page[0], page[1], 16383, 127);
	channel_opened(m->guest, 16383, 0);
	CHECK_IS(vmbus_info(m->guest)->relid, 16383);
	CHECK_IS(vmbus_info(m->guest)->is_monitored, 1);

	/* The signal is bits in the pages. */
	CHECK_IS(vmbus_send(m->guest, 6, 0, 0, buf, 8), 0);
	CHECK_IS(m->guest_signals, 0);
	CHECK_IS(*event, 0x80);
	CHECK_IS(*trigger, 0x80);
	*event = *trigger = 0;

	CHECK_IS(vmbus_set_latency(m->guest, 50), 0);
	memcpy(&latency, page[1] + 576 + 2 * 127, sizeof(latency));
	CHECK_IS(latency, 500);
	CHECK_IS(vmbus_set_latency(m->guest, 6554), -ERANGE);
	CHECK_IS(vmbus_set_latency(m->guest, 6553), 0);
	memcpy(&latency, page[1] + 576 + 2 * 127, sizeof(latency));
	CHECK_IS(latency, 65530);
	memset(page[1] + 576 + 2 * 127, 0, sizeof(latency));
	for (int i = 0; i < 4096; i++)
		CHECK(!page[0][i] && !page[1][i]);
}

TEST_HARNESS_MAIN
