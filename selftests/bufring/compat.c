// SPDX-License-Identifier: GPL-2.0-only
/*
 * This program tests the compatibility header with a program for tools/hv's
 * vmbus_bufring.h and its host.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../../lib/internal.h"
#include "compat.h"
#include "model.h"

#define COUNT (MESSAGES / 10)

static unsigned char out[4096], in[4096];

/* The host's side of the memory that the program maps as a UIO device */
static struct vmbus_chan *host_open(int memory, int event, size_t ring_size)
{
	unsigned char *rings =
		mmap(NULL, 2 * ring_size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	struct vmbus_memory mem = {
		.fd = event,
		.flags = VMBUS_MEMORY_RESET,
		.tx_ring = rings + ring_size,
		.tx_size = ring_size,
		.rx_ring = rings,
		.rx_size = ring_size,
	};
	struct vmbus_chan *chan;

	MUST(rings != MAP_FAILED);
	MUST(!channel_from_memory(&mem, &chan));
	return chan;
}

/* IC message @number, of a length that goes around the ring in every way */
static size_t message(uint64_t number, uint16_t type)
{
	size_t len = sizeof(struct vmbus_ic_header) + number * 13 % 1500;
	struct vmbus_ic_header hdr = { .type = type, .status = 0xbad, .flags = 3 };

	fill(out, number, len);
	memcpy(out, &hdr, sizeof(hdr));
	return len;
}

static int answer(struct vmbus_chan *host, struct vmbus_packet *pkt)
{
	int err;

	while ((err = vmbus_recv(host, pkt, in, sizeof(in))) == -EAGAIN) {
		err = vmbus_wait(host, VMBUS_WAIT_RECV, 10000);
		if (err < 0)
			return err;
	}
	return err;
}

static void a_program_for_the_other_header_runs(void)
{
	size_t ring_size = 2 * getpagesize();
	int memory = memfd_create("rings", MFD_CLOEXEC), event[2], status;
	const uint16_t offer[] = { 1, 2, 0, 0, 3, 0, 1, 1, 1, 0 };
	struct vmbus_ic_header hdr;
	struct vmbus_chan *host;
	struct vmbus_packet pkt;
	size_t len;
	pid_t pid;

	MUST(memory >= 0 && !ftruncate(memory, 2 * ring_size));
	MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, event));
	host = host_open(memory, event[1], ring_size);
	pid = fork();
	MUST(pid >= 0);
	if (!pid) {
		close(event[1]);
		_exit(compat_program(memory, event[0], ring_size));
	}
	close(event[0]);
	MUST(!fcntl(event[1], F_SETFL, O_NONBLOCK));

	message(0, VMBUS_IC_NEGOTIATE);
	memcpy(out + sizeof(hdr), offer, sizeof(offer));
	CHECK_IS(vmbus_send(host, VMBUS_PACKET_INBAND, 0, 1, out, sizeof(hdr) + sizeof(offer)), 0);
	CHECK_IS(answer(host, &pkt), 0);
	CHECK_IS(pkt.transaction_id, ~0ull);
	CHECK_IS(ic_parse(in, pkt.length, &hdr), 0);
	CHECK_IS(hdr.size, 0x10);
	CHECK_IS(hdr.flags, VMBUS_IC_FLAG_TRANSACTION | VMBUS_IC_FLAG_RESPONSE);
	/*
	 * counts of one and one, the first framework, the first message version
	 */
	CHECK(!memcmp(in + 28, (const uint16_t[]){ 1, 1, 0, 0, 3, 0, 1, 1 }, 16));

	for (uint64_t n = 1; n < COUNT && !checks_failed; n++) {
		len = message(n, n == COUNT - 1 ? VMBUS_IC_SHUTDOWN : VMBUS_IC_FCOPY);
		CHECK_IS(vmbus_send(host, VMBUS_PACKET_INBAND, 0, n, out, len), 0);
		CHECK_IS(answer(host, &pkt), 0);
		CHECK_IS(pkt.length, padded(len));
		memcpy(&hdr, in, sizeof(hdr));
		CHECK_IS(hdr.status, 0);
		CHECK(!memcmp(in + sizeof(hdr), out + sizeof(hdr), len - sizeof(hdr)));
	}
	if (checks_failed)
		kill(pid, SIGKILL);
	MUST(waitpid(pid, &status, 0) == pid);
	CHECK_IS(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), 0);
	vmbus_close(host);
	close(event[1]);
	close(memory);
}

static void lies_are_errors(void)
{
	size_t size = 2 * getpagesize();
	unsigned char *memory = guarded(size);

	CHECK_IS(compat_lies(memory, size), 0);
	guarded_free(memory, size);
}

static const struct test tests[] = {
	TEST(a_program_for_the_other_header_runs),
	TEST(lies_are_errors),
};

int main(void)
{
	return RUN(tests);
}
