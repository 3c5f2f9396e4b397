// SPDX-License-Identifier: GPL-2.0-only
/*
 * This program runs in the guest. It sends and receives numbered frames on an
 * interface, sends datagrams from many ports, and changes the number of
 * channels.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "numbered.h"

static const char usage[] = "usage: nic_tool send INTERFACE COUNT MIN MAX STREAM [VLAN]\n"
			    "       nic_tool receive INTERFACE COUNT SECONDS [STREAM [VLAN]]\n"
			    "       nic_tool spray ADDRESS COUNT\n"
			    "       nic_tool channels INTERFACE [COUNT]\n";

static void fail(const char *what)
{
	fprintf(stderr, "nic_tool: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int packet_socket(const char *interface, uint16_t type)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(type),
		.sll_ifindex = (int)if_nametoindex(interface),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), room = 64 << 20;

	if (fd < 0 || !address.sll_ifindex)
		fail(interface);
	/* Frames must not be lost while this program does not run. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		fail("SO_RCVBUFFORCE");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("bind");
	return fd;
}

static int do_send(const char *interface, uint32_t count, uint32_t min, uint32_t max,
		   uint32_t stream, uint16_t vlan)
{
	static uint8_t frame[65536] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2 };
	static uint8_t tagged[65536 + 4];
	uint16_t tag[2] = { htons(0x8100), htons(vlan) };
	/* The kernel uses these fields, not those of the frame. */
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = vlan ? tag[0] : htons(NUMBERED_TYPE),
		.sll_ifindex = (int)if_nametoindex(interface),
		.sll_halen = 6,
		.sll_addr = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	};
	int fd = packet_socket(interface, NUMBERED_TYPE);

	for (uint32_t number = 0; number < count; number++) {
		uint32_t len = min + number % (max - min + 1);

		numbered_fill(frame, stream, number, len);
		if (vlan) {
			memcpy(tagged, frame, 12);
			memcpy(tagged + 12, tag, sizeof(tag));
			memcpy(tagged + 16, frame + 12, len - 12);
			len += sizeof(tag);
		}
		while (sendto(fd, vlan ? tagged : frame, len, 0, (struct sockaddr *)&to,
			      sizeof(to)) != (ssize_t)len) {
			if (errno != ENOBUFS && errno != EINTR)
				fail("send");
			usleep(1000);
		}
	}
	printf("frames %u misordered 0\n", count);
	return 0;
}

/*
 * Receive a frame and the VLAN tag that the driver has told the kernel beside
 * it, or 0 for none.
 */
static uint32_t receive(int fd, uint8_t *frame, size_t size, struct sockaddr_ll *from,
			uint16_t *vlan)
{
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec iov = { .iov_base = frame, .iov_len = size };
	struct msghdr message = {
		.msg_name = from,
		.msg_namelen = sizeof(*from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(fd, &message, 0);
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
	struct tpacket_auxdata aux = { 0 };

	if (len < 0)
		fail("recvmsg");
	if (cmsg && cmsg->cmsg_type == PACKET_AUXDATA)
		memcpy(&aux, CMSG_DATA(cmsg), sizeof(aux));
	*vlan = aux.tp_status & TP_STATUS_VLAN_VALID ? aux.tp_vlan_tci : 0;
	return (uint32_t)len;
}

static int do_receive(const char *interface, uint32_t count, uint32_t seconds, uint32_t wanted,
		      uint16_t wanted_vlan)
{
	uint32_t got = 0, broken = 0, misordered = 0, last = UINT32_MAX;
	/* The kernel removes the tag before a socket for one type gets it. */
	int fd = packet_socket(interface, ETH_P_ALL), on = 1;
	time_t end = time(NULL) + seconds;

	if (setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)))
		fail("PACKET_AUXDATA");
	puts("ready");
	fflush(stdout);
	while (got < count && time(NULL) < end) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		struct sockaddr_ll from;
		static uint8_t frame[65536];
		struct numbered header;
		uint16_t vlan;
		uint32_t len;

		if (poll(&pfd, 1, 500) <= 0)
			continue;
		len = receive(fd, frame, sizeof(frame), &from, &vlan);
		if (from.sll_pkttype == PACKET_OUTGOING || !numbered_is(frame, len, &header) ||
		    header.stream != wanted)
			continue;
		if (vlan != wanted_vlan || !numbered_good(frame, len, &header)) {
			broken++;
			continue;
		}
		misordered += header.number != last + 1;
		last = header.number;
		got++;
	}
	printf("broken %u\n", broken);
	printf("frames %u misordered %u\n", got, misordered);
	return got < count || broken || misordered;
}

static int do_spray(const char *text, uint32_t count)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };

	if (inet_pton(AF_INET, text, &to.sin_addr) != 1)
		fail(text);
	for (uint32_t i = 0; i < count; i++) {
		struct sockaddr_in from = { .sin_family = AF_INET,
					    .sin_port = htons((uint16_t)(20000 + i)) };
		int fd = socket(AF_INET, SOCK_DGRAM, 0);

		if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) ||
		    sendto(fd, &i, sizeof(i), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			fail("sendto");
		close(fd);
	}
	return 0;
}

/* Do the same as ethtool -l and -L. */
static int do_channels(const char *interface, const char *wanted)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq request = { .ifr_data = (void *)&channels };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &request))
		fail("ETHTOOL_GCHANNELS");
	if (wanted) {
		channels.cmd = ETHTOOL_SCHANNELS;
		channels.combined_count = (uint32_t)atoi(wanted);
		if (ioctl(fd, SIOCETHTOOL, &request))
			fail("ETHTOOL_SCHANNELS");
	}
	printf("channels %u of %u\n", channels.combined_count, channels.max_combined);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int number[5] = { 0 };

	for (int i = 3; i < argc && i < 8; i++)
		number[i - 3] = (unsigned int)strtoul(argv[i], NULL, 0);
	if ((argc == 7 || argc == 8) && !strcmp(argv[1], "send") && number[1] >= NUMBERED_MIN &&
	    number[2] >= number[1] && number[2] < 65536)
		return do_send(argv[2], number[0], number[1], number[2], number[3],
			       (uint16_t)number[4]);
	if (argc >= 5 && argc <= 7 && !strcmp(argv[1], "receive"))
		return do_receive(argv[2], number[0], number[1], number[2], (uint16_t)number[3]);
	if (argc == 4 && !strcmp(argv[1], "spray"))
		return do_spray(argv[2], number[0]);
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "channels"))
		return do_channels(argv[2], argv[3]);
	fputs(usage, stderr);
	return 2;
}
