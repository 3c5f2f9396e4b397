// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Run the driver against the host of host.c, which is in a child process. The
 * buffers are in memory that both share.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "nic.h"

static struct vmbus_chan *guests[HOST_CHANNELS_MAX];

struct netvsc_host demo_host(const struct app *app)
{
	struct netvsc_host host = {
		.chan_count = app->channels, .recv_size = 1 << 20, .send_size = 1 << 20,
		.version = NVSP_VERSION_6, .section_size = app->mtu > 6000 ? 12288 : 6144,
		.mac = { 0, 0x15, 0x5d, 0, 0, 1 }, .guest_mac = { 0, 0x15, 0x5d, 0, 0, 2 },
		.ip = { 192, 0, 2, 1 }, .echo = app->mode == MODE_ECHO,
		.subchannels = app->channels - 1,
		.frames = FRAMES, .pages_wanted = app->pages,
	};

	memcpy(host.guest_ip, app->ip, sizeof(host.guest_ip));
	return host;
}

/* Hand a channel over to the driver. */
static void demo_add(struct nic *nic)
{
	struct vmbus_chan **chan = &guests[nic->channel_count], *given = *chan;

	*chan = NULL;
	if (nic->app->poll)
		vmbus_mask(given);
	add_channel(nic, given);
}

static int demo_subchannels(struct nic *nic, unsigned int count)
{
	while (count--)
		demo_add(nic);
	return 0;
}

/* The guest's pages have made-up numbers. */
static int demo_pages(struct pool *pool, void *memory)
{
	pool->pages = calloc(HOST_PAGES, sizeof(*pool->pages));
	if (!pool->pages)
		return -ENOMEM;
	for (unsigned int i = 0; i < HOST_PAGES; i++)
		pool->pages[i] = HOST_FIRST_PAGE + i;
	return pool_init(pool, memory, HOST_PAGES * GUEST_PAGE, PAGES_SLOT);
}

/* Make the memory and the channels of both sides. */
static int demo_prepare(struct netvsc_host *host, size_t size)
{
	unsigned char *memory;
	int err;

	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	host->recv = memory;
	host->send = host->recv + host->recv_size;
	host->pages = host->send + host->send_size;
	for (unsigned int i = 0; i < host->chan_count; i++) {
		err = vmbus_chan_pair(64 << 10, &guests[i], &host->chans[i]);
		if (err)
			return err;
	}
	return 0;
}

/*
 * Run the driver as on a real device, except for what nic_open() gets from the
 * kernel.
 */
static int demo_guest(struct app *app, const struct netvsc_host *host)
{
	struct nic *nic = nic_new(app, "test");
	int err = nic->held ? 0 : -ENOMEM;

	nic->open_subchannels = demo_subchannels;
	nic->recv = (struct vmbus_buffer){
		.address = host->recv, .size = host->recv_size, .gpadl = HOST_RECV_GPADL,
	};
	nic->send = (struct vmbus_buffer){
		.address = host->send, .size = host->send_size, .gpadl = HOST_SEND_GPADL,
	};
	if (!err && app->pages)
		err = demo_pages(&nic->pool, host->pages);
	demo_add(nic);
	return app_run(app, err);
}

int demo(struct app *app, struct netvsc_host *host)
{
	const size_t size = host->recv_size + host->send_size + HOST_PAGES * GUEST_PAGE;
	int status = -1, err;
	pid_t pid = -1;

	err = demo_prepare(host, size);
	if (!err) {
		fflush(stdout);
		pid = fork();
		err = pid < 0 ? -errno : 0;
	}
	for (unsigned int i = 0; i < host->chan_count; i++)
		vmbus_chan_close(pid ? host->chans[i] : guests[i]);
	if (!pid)
		_exit(netvsc_host_run(host));
	if (!err)
		err = demo_guest(app, host);
	for (unsigned int i = 0; i < host->chan_count; i++)
		vmbus_chan_close(guests[i]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (host->recv)
		munmap(host->recv, size);
	if (!err && !status)
		return EXIT_SUCCESS;
	fprintf(stderr, "the exchange failed: %s\n",
		err ? strerror(-err) : "the host is not content");
	return EXIT_FAILURE;
}
