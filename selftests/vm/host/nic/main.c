// SPDX-License-Identifier: GPL-2.0-only
/* This program plays the host side of one or two synthetic NICs of a guest. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "nic.h"

static const char usage[] =
	"usage: vmbus-nic CONTROL SECONDS SOCKET [SOCKET]\n"
	"       vmbus-nic --to CONTROL [NIC] COMMAND...\n"
	"Plays the host side of the NICs whose devices have these sockets, for which it waits at most SECONDS, and takes\n"
	"commands at CONTROL until the guest ends. Each breach of the rules by the guest is printed as 'complaint', and\n"
	"makes the exit status 1.\n"
	"The peer of NIC 0 has the address 10.55.0.1, that of NIC 1 has 10.55.1.1. It answers ARP and pings, and takes\n"
	"numbered frames (numbered.h). The second form sends one of these commands to a running program. They are for\n"
	"NIC 0 unless its number precedes them:\n"
	"  status                 Print the state, the counters, and the frames of each channel.\n"
	"  expect COUNTER MIN [MAX]  Fail unless the counter is within these bounds.\n"
	"  generate COUNT MIN [MAX [CHANNEL [STREAM]]]  Begin to send numbered frames of MIN to MAX bytes to the guest.\n"
	"  generated [CHANNEL]    Print what 'sink' should print for them. It fails until the guest has taken them all.\n"
	"  stop                   End all generators.\n"
	"  sink [STREAM]          Print the number of numbered frames that have come, and of those that were not the\n"
	"                         next of the stream. 'sink reset' resets both.\n"
	"  stats                  Print the interrupts and signals of all channels of the NIC.\n"
	"  ping ADDRESS COUNT SIZE  Begin to ping the guest, one request after the other, and reset pings_answered.\n"
	"  link on|off            Set the link, and tell the guest.\n"
	"  vf SERIAL              Tell the guest that the NIC has a virtual function; 0: none.\n"
	"  rescind [PACKETS]      Rescind the device, at once or after this number of packets of the guest.\n"
	"  offer                  Offer the device again.\n"
	"  newest VERSION         Set the newest version of NVSP (default: 0x60001).\n"
	"  refuse-subs on|off     on: refuse sub-channels.\n"
	"  hold-subs on|off       on: grant sub-channels, but do not offer them until 'off'.\n"
	"  bridge on|off          on: connect the two NICs.\n"
	"Exit status: 0 success, 1 failure, 2 wrong use or no socket.\n";

/* The program takes this number of packets before it does its other work. */
#define TAKE_AT_ONCE 64

static int64_t began;

static void print(const struct nic *nic, const char *kind, const char *format, va_list args)
{
	printf("%s%.3f NIC %d: ", kind, (double)(host_now() - began) / 1000, nic->index);
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
}

void say(const struct nic *nic, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(nic, "", format, args);
	va_end(args);
}

void complaint(struct nic *nic, const char *format, ...)
{
	va_list args;

	nic->count.complaints++;
	va_start(args, format);
	print(nic, "complaint ", format, args);
	va_end(args);
}

static void finish(struct nic *nics, int count)
{
	bool bad = false;

	for (int i = 0; i < count; i++)
		bad |= nics[i].count.complaints;
	exit(bad);
}

static struct nic nics[MAX_NICS];
static int nic_count;

/*
 * A request may still be on its way when the guest closes the channel, also to
 * open it anew, or when the guest or this program is about to end the device.
 * It then comes too late.
 */
static void device_refuses(struct nic *nic, uint16_t channel, const char *why)
{
	if (nic_open(nic, channel) && nic_open(nic, 0) && !nic->session.revoked_receive &&
	    nic->host.channel[0].offered == FRAME_IS_OFFERED)
		complaint(nic, "the device refuses: %s", why);
	else
		nic->count.late++;
}

void must(struct nic *nic, int ret)
{
	if (!ret)
		return;
	if (ret == -EREMOTEIO) {
		device_refuses(nic, 0, nic->host.error);
		return;
	}
	say(nic, "ends: %s", nic->host.error);
	if (ret != -ECONNRESET) {
		fprintf(stderr, "vmbus-nic: NIC %d: %s\n", nic->index, nic->host.error);
		exit(2);
	}
	finish(nics, nic_count);
}

void nic_send(struct nic *nic, const struct frame *frame, const void *payload)
{
	must(nic, host_send(&nic->host, frame, payload, 60000));
}

bool nic_open(const struct nic *nic, uint16_t channel)
{
	return channel < nic->host.channels && nic->host.channel[channel].open &&
	       nic->host.openings[channel] == nic->openings[channel];
}

static void take_event(struct nic *nic, const struct frame *event)
{
	static const char *const names[] = { "offered",	 "opened", "closed",	"rescinded",
					     "released", "reset",  "malformed", "asked" };

	say(nic, "channel %u: %s", event->channel, names[event->op - FRAME_OFFERED]);
	nic->openings[event->channel] += event->op == FRAME_OPENED;
	if (event->op == FRAME_OPENED && event->channel)
		nvsp_sub_opened(nic);
	if (event->op == FRAME_MALFORMED)
		complaint(nic, "the VMBus rules are broken on channel %u", event->channel);
	if ((event->op == FRAME_CLOSED && !event->channel) || event->op == FRAME_RESET) {
		nic->count.closes += event->op == FRAME_CLOSED;
		nvsp_reset(nic);
	}
}

static void take_packet(struct nic *nic, struct host_packet *packet)
{
	struct frame rescind = { .op = FRAME_RESCIND };

	nvsp_packet(nic, packet);
	if (nic->rescind_in > 0 && !--nic->rescind_in) {
		say(nic, "rescinds after the guest's packet");
		nic_send(nic, &rescind, NULL);
	}
}

/*
 * Take some of what the device has sent, in its order. Returns whether there
 * was anything. If the guest sends without end, the rest waits for the next
 * turn, so that the program also reads the commands.
 */
static bool take_frames(struct nic *nic)
{
	struct host_packet *packet;
	int ret = 0, count = 0;

	while (count < TAKE_AT_ONCE && !(ret = host_take_packet(&nic->host, &packet, 0))) {
		if (packet->frame.op == FRAME_PACKET)
			take_packet(nic, packet);
		else if (packet->frame.op == FRAME_ERROR)
			device_refuses(nic, packet->frame.channel, (const char *)packet->payload);
		else
			take_event(nic, &packet->frame);
		free(packet);
		count++;
	}
	if (ret && ret != -ETIMEDOUT)
		must(nic, ret);
	return count;
}

static void work(int listener)
{
	struct pollfd fds[MAX_NICS + 1];
	bool busy = false;

	for (;;) {
		int n = 0;

		for (int i = 0; i < nic_count; i++) {
			fds[n++] = (struct pollfd){ .fd = nics[i].host.fd, .events = POLLIN };
			busy |= nics[i].host.packets != NULL;
		}
		fds[n++] = (struct pollfd){ .fd = listener, .events = POLLIN };
		/* Repeated pings need a turn. */
		if (poll(fds, (nfds_t)n, busy ? 0 : 100) < 0 && errno != EINTR) {
			perror("vmbus-nic: poll");
			exit(2);
		}
		busy = false;
		for (int i = 0; i < nic_count; i++)
			busy |= take_frames(&nics[i]);
		control_work(listener, nics, nic_count);
		for (int i = 0; i < nic_count; i++) {
			peer_work(&nics[i]);
			data_flush(&nics[i]);
		}
	}
}

static void set_up(struct nic *nic, int index, char *path, int timeout_ms)
{
	nic->host.in_order = true;
	nic->index = index;
	nic->link = true;
	nic->newest = NVSP_VERSION_61;
	nic->rescind_in = -1;
	memcpy(nic->mac, (const uint8_t[6]){ 0x00, 0x15, 0x5d, 0x55, (uint8_t)index, 2 }, 6);
	memcpy(nic->peer_mac, (const uint8_t[6]){ 0x00, 0x15, 0x5d, 0x55, (uint8_t)index, 1 }, 6);
	memcpy(nic->peer_address, (const uint8_t[4]){ 10, 55, (uint8_t)index, 1 }, 4);
	nvsp_reset(nic);
	if (host_connect(&nic->host, path, timeout_ms)) {
		fprintf(stderr, "vmbus-nic: %s\n", nic->host.error);
		exit(2);
	}
	/* The program does not know a session that began with another one. */
	if (nic->host.channel[0].open)
		say(nic, "the channel is open already");
}

int main(int argc, char **argv)
{
	int timeout_ms, listener;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	began = host_now();
	if (argc > 3 && !strcmp(argv[1], "--to"))
		return control_tell(argv[2], argv + 3);
	nic_count = argc - 3;
	timeout_ms = argc > 2 ? atoi(argv[2]) * 1000 : 0;
	if (nic_count < 1 || nic_count > MAX_NICS || timeout_ms <= 0) {
		fputs(usage, stderr);
		return 2;
	}
	listener = control_listen(argv[1]);
	if (listener < 0)
		return 2;
	for (int i = 0; i < nic_count; i++)
		set_up(&nics[i], i, argv[3 + i], timeout_ms);
	for (int i = 0; nic_count == 2 && i < nic_count; i++)
		nics[i].other = &nics[!i];
	printf("ready\n");
	work(listener);
}
