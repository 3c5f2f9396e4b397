// SPDX-License-Identifier: GPL-2.0-only
#include <poll.h>
#include <sched.h>
#include <vmbus_bufring.h>

#include "served.h"

static struct vmbus_chan *served_guest;

#define vmbus_ic_new(id, options, ic) vmbus_ic_from_chan(served_guest, options, ic)
#define HYPERV_UIO_VERSION	      "test"
#include "../../daemons/fcopy/server.c"

#include "fcopy_test.h"
#include "test_log.h"

struct session *const served_session = &server.session;
struct vmbus_chan *served_host;
uint64_t served_transaction;

static void reload(void)
{
}

/*
 * Stay on one processor. The library then never looks at the ring for a while
 * before it sleeps, which is in vain while the host is in the same thread.
 */
static void use_one_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	expect(sched_setaffinity(0, sizeof(set), &set) == 0);
}

void serve_on(struct vmbus_chan *guest, struct vmbus_chan *host, const struct policy *policy)
{
	use_one_processor();
	served_guest = guest;
	served_host = host;
	memset(&server, 0, sizeof(server));
	server.reload = reload;
	server.timer = server.epoll = -1;
	session_init(&server.session, policy, answer);
	expect_int(make_server(), 0);
	served_run();
}

void serve(const struct policy *policy)
{
	struct vmbus_chan *guest, *host;

	expect_int(vmbus_open_pair(16 * sysconf(_SC_PAGESIZE), 0, &guest, &host), 0);
	serve_on(guest, host, policy);
}

void serve_end(void)
{
	vmbus_ic_free(server.ic);
	server.ic = NULL;
	transfer_discard(&inline_transfer);
	vmbus_close(served_guest);
	vmbus_close(served_host);
	served_host = NULL;
	expect_int(logged_errors, 0);
	logged_errors = 0;
}

int served_run(void)
{
	struct pollfd fd = { .fd = vmbus_ic_fd(server.ic), .events = POLLIN };
	int err = 0;

	do {
		err = vmbus_ic_dispatch(server.ic);
		session_collect(&server.session);
	} while (err >= 0 && poll(&fd, 1, 0) > 0);
	return err < 0 ? err : 0;
}

uint32_t served_ask(const struct message *request, struct message *answered)
{
	struct vmbus_packet packet;

	expect_int(vmbus_send(served_host, VMBUS_PACKET_INBAND, 0, ++served_transaction,
			      request->bytes, request->length),
		   0);
	expect_int(served_run(), 0);
	memset(answered, 0, sizeof(*answered));
	if (vmbus_recv(served_host, &packet, answered->bytes, sizeof(answered->bytes)))
		return SILENCE;
	expect_int(packet.transaction_id, served_transaction);
	answered->length = request->length;
	return status_of(answered);
}
