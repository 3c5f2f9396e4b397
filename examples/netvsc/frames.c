// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What the program does with frames: answer ARP and ping, send them back or on,
 * or count them.
 */
#include <string.h>

#include "nic.h"

/*
 * Return the checksum of IP and ICMP: 0 if the data contains its right
 * checksum.
 */
static uint16_t checksum(const unsigned char *data, uint32_t len)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < len; i++)
		sum += i & 1 ? data[i] : data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static void set_be16(unsigned char *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static void answer_ethernet(const struct nic *nic, unsigned char *frame)
{
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, nic->mac, 6);
}

/* Turn an ARP request for our address into its answer. */
static bool answer_arp(const struct nic *nic, unsigned char *frame, uint32_t len)
{
	static const unsigned char request[] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	unsigned char *arp = frame + ETH_HEADER, *sender = arp + 8, *target = arp + 18;

	if (len < ETH_HEADER + 28 || memcmp(arp, request, sizeof(request)) ||
	    memcmp(target + 6, nic->app->ip, 4))
		return false;
	arp[7] = 2;
	memcpy(target, sender, 10);
	memcpy(sender, nic->mac, 6);
	memcpy(sender + 6, nic->app->ip, 4);
	answer_ethernet(nic, frame);
	return true;
}

/*
 * Turn an echo request to our address into its answer. Fragments have no
 * answer.
 */
static bool answer_ping(const struct nic *nic, unsigned char *frame, uint32_t len)
{
	unsigned char *ip = frame + ETH_HEADER, *icmp;
	uint32_t header, total;

	if (len < ETH_HEADER + 20 || ip[0] >> 4 != 4 || memcmp(frame, nic->mac, 6))
		return false;
	header = (ip[0] & 15) * 4;
	total = ip[2] << 8 | ip[3];
	if (header < 20 || total < header + 8 || total > len - ETH_HEADER || checksum(ip, header))
		return false;
	if (((ip[6] << 8 | ip[7]) & 0x3fff) || ip[9] != 1 || memcmp(ip + 16, nic->app->ip, 4))
		return false;
	icmp = ip + header;
	if (icmp[0] != 8 || icmp[1] || checksum(icmp, total - header))
		return false;
	icmp[0] = 0;
	set_be16(icmp + 2, 0);
	set_be16(icmp + 2, checksum(icmp, total - header));
	memcpy(ip + 16, ip + 12, 4);
	memcpy(ip + 12, nic->app->ip, 4);
	ip[8] = 64;
	set_be16(ip + 10, 0);
	set_be16(ip + 10, checksum(ip, header));
	answer_ethernet(nic, frame);
	return true;
}

static void echo(struct channel *ch, const unsigned char *frame, uint32_t len, uint32_t vlan)
{
	unsigned char copy[ETH_HEADER + VLAN_TAG + MTU_MAX];
	bool answer;

	/*
	 * The host may change the frame meanwhile, so the checks and the answer
	 * are made in a copy.
	 */
	copy_shared(copy, frame, len);
	switch (copy[12] << 8 | copy[13]) {
	case 0x0806:
		answer = answer_arp(ch->nic, copy, len);
		break;
	case 0x0800:
		answer = answer_ping(ch->nic, copy, len);
		break;
	default:
		answer = false;
	}
	if (answer)
		transmit(ch, ch, copy, len, vlan, false);
}

/* Send a frame back on its channel. With two NICs, send it on the other one. */
static void forward(struct channel *ch, const unsigned char *frame, uint32_t len, uint32_t vlan)
{
	struct app *app = ch->nic->app;
	struct nic *to = &app->nics[app->nic_count - 1 - ch->nic->index];

	if (to->running)
		transmit(&to->channels[ch->index % to->channel_count], ch, frame, len, vlan,
			 to == ch->nic);
}

void deliver(struct channel *ch, const unsigned char *frame, uint32_t len, uint32_t vlan)
{
	struct app *app = ch->nic->app;

	/* Frames may still arrive after the driver has closed the filter. */
	if (!ch->nic->running)
		return;
	ch->stats.rx_frames++;
	ch->stats.rx_bytes += len;
	if (app->mode == MODE_ECHO)
		echo(ch, frame, len, vlan);
	else if (app->mode == MODE_FORWARD)
		forward(ch, frame, len, vlan);
	if (++app->received == app->count)
		app->stop = true;
}
