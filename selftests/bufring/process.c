// SPDX-License-Identifier: GPL-2.0-only
/* These tests have the host in another process. */

#include <sys/socket.h>
#include <sys/wait.h>

#include "traffic.h"

static void run_as(void *(*as_guest)(void *), void *(*as_host)(void *), size_t data_pages)
{
	struct traffic t = { .messages = MESSAGES / 2 * 5, .most = 64 };
	struct vmbus_chan *guest, *host;
	int status, done[2];
	pid_t pid;

	/*
	 * The host stays until the guest has received everything, because a
	 * rescind loses the contents of the ring.
	 */
	MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, done));
	MUST(!vmbus_open_pair((1 + data_pages) * getpagesize(), 0, &guest, &host));
	pid = fork();
	MUST(pid >= 0);
	if (!pid) {
		vmbus_close(guest);
		t.chan = host;
		as_host(&t);
		traffic_check(&t, "host");
		close(done[0]);
		MUST(!read(done[1], &status, 1));
		/* The rings stay when the last user on one side goes away. */
		vmbus_close(host);
		_exit(checks_failed != 0);
	}
	vmbus_close(host);
	t.chan = guest;
	as_guest(&t);
	traffic_check(&t, "guest");
	close(done[0]);
	close(done[1]);
	MUST(waitpid(pid, &status, 0) == pid);
	CHECK_IS(status, 0);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, -1), -ENODEV);
	vmbus_close(guest);
}

/* Try each way in turn, because the sides may differ in speed. */
TEST(batches_in_place)
{
	run_as(send_batches, receive_in_place, 1);
	run_as(receive_in_place, send_batches, 16);
}

/*
 * The other side dies in the middle. Its published packets arrive, and then the
 * rescind.
 */
TEST(a_host_that_dies)
{
	struct vmbus_chan *guest, *host;
	struct vmbus_packet pkt;
	unsigned char buf[8];
	pid_t pid;

	MUST(!vmbus_open_pair(2 * getpagesize(), 0, &guest, &host));
	pid = fork();
	MUST(pid >= 0);
	if (!pid) {
		vmbus_close(guest);
		vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, "sent", 4);
		vmbus_queue(host, VMBUS_PACKET_INBAND, 0, 2, "lost", 4);
		_exit(0);
	}
	vmbus_close(host);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, -1), VMBUS_WAIT_RECV);
	CHECK_IS(vmbus_recv(guest, &pkt, buf, sizeof(buf)), 0);
	CHECK_IS(pkt.transaction_id, 1);
	CHECK_IS(vmbus_wait(guest, VMBUS_WAIT_RECV, -1), -ENODEV);
	CHECK_IS(vmbus_send(guest, VMBUS_PACKET_INBAND, 0, 0, buf, 8), -ENODEV);
	waitpid(pid, NULL, 0);
	vmbus_close(guest);
}

TEST_HARNESS_MAIN
