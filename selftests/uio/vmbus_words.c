// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmbus_words ID: send in-band packets to the NIC ID. Each line of standard
 * input is one packet, made of 32-bit words, which zeros fill up to 40 bytes.
 * RECV and SEND stand for the GPADLs of the NIC's buffers. What follows a "|"
 * is first written to the beginning of the send buffer. A line that begins with
 * "+" asks for a completion, and the next line waits for it; one that begins
 * with "=" is itself a completion.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmbus_bufring.h>

#define PACKET_WORDS 10
#define BUFFER_WORDS 64

static struct vmbus_buffer recv_buffer, send_buffer;

/* Read the words of @text. Return their number. */
static unsigned int read_words(char *text, uint32_t *words, unsigned int max)
{
	unsigned int count = 0;
	char *save = NULL;

	for (char *word = strtok_r(text, " \n", &save); word && count < max;
	     word = strtok_r(NULL, " \n", &save))
		words[count++] = !strcmp(word, "RECV") ? recv_buffer.gpadl :
				 !strcmp(word, "SEND") ? send_buffer.gpadl :
							 (uint32_t)strtoul(word, NULL, 0);
	return count;
}

/* Wait for the completion of a packet. Skip all others. */
static int await(struct vmbus_chan *chan, uint64_t id)
{
	struct vmbus_packet packet;
	char buf[4096];
	int err;

	for (;;) {
		err = vmbus_recv(chan, &packet, buf, sizeof(buf));
		if (!err && packet.type == VMBUS_PACKET_COMPLETION && packet.transaction_id == id)
			return 0;
		if (err == -EAGAIN) {
			err = vmbus_wait(chan, VMBUS_WAIT_RECV, 60000);
			if (!err)
				return -ETIMEDOUT;
		}
		if (err < 0)
			return err;
	}
}

static int send_line(struct vmbus_chan *chan, char *line, uint64_t id)
{
	bool asks = *line == '+', completes = *line == '=';
	uint32_t packet[PACKET_WORDS] = { 0 }, bytes[BUFFER_WORDS] = { 0 };
	char *buffer = strchr(line, '|');
	int err;

	if (buffer) {
		*buffer = 0;
		read_words(buffer + 1, bytes, BUFFER_WORDS);
		memcpy(send_buffer.address, bytes, sizeof(bytes));
	}
	read_words(line + (asks || completes), packet, PACKET_WORDS);
	err = vmbus_send(chan, completes ? VMBUS_PACKET_COMPLETION : VMBUS_PACKET_INBAND,
			 asks ? VMBUS_PACKET_COMPLETION_REQUESTED : 0, id, packet, sizeof(packet));
	return err || !asks ? err : await(chan, id);
}

int main(int argc, char **argv)
{
	struct vmbus_chan *chan = NULL;
	uint64_t packets = 0;
	char line[1024];
	int err;

	if (argc != 2) {
		fputs("usage: vmbus_words CLASS|INSTANCE <LINES\n", stderr);
		return 2;
	}
	err = vmbus_open(argv[1], NULL, &chan);
	if (!err)
		err = vmbus_map_buffer(chan, VMBUS_BUFFER_RECV, NULL, &recv_buffer);
	if (!err)
		err = vmbus_map_buffer(chan, VMBUS_BUFFER_SEND, NULL, &send_buffer);
	while (!err && fgets(line, sizeof(line), stdin))
		err = send_line(chan, line, ++packets);
	if (err)
		fprintf(stderr, "vmbus_words: %s: packet %llu: %s (errno %d)\n", argv[1],
			(unsigned long long)packets, vmbus_error(), -err);
	vmbus_close(chan);
	return err != 0;
}
