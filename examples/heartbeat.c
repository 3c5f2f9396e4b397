// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A driver for a low-speed device, to start your own from. It handles the
 * heartbeat: the host sends a request every few seconds, and the guest answers.
 *
 *	heartbeat [ID]		drive the device ID until SIGTERM or SIGINT. ID
 *				is an instance GUID, a class GUID or a class
 *				name; the default is "heartbeat". The device may
 *				come and go.
 *	heartbeat --demo	also play the host, in memory; this needs
 *				neither Hyper-V nor root
 *
 * On a real guest the kernel's hv_utils has the device; 'vmbusctl bind
 * heartbeat' binds it to uio_hv_generic.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vmbus_bufring.h>
#include <vmbus_ic_messages.h>

/* Turn a request of the host into its answer. */
static uint32_t beat(struct vmbus_ic *ic, struct vmbus_ic_request *request, void *ctx)
{
	struct vmbus_ic_heartbeat *beat = request->body;

	(void)ic;
	(void)ctx;
	if (request->header.type != VMBUS_IC_HEARTBEAT)
		return VMBUS_E_NOT_SUPPORTED;
	/*
	 * Only the number of received bytes counts, and not the lengths that
	 * the host sends.
	 */
	if (request->length < sizeof(*beat))
		return VMBUS_E_INVALIDARG;
	printf("heartbeat %llu\n", (unsigned long long)beat->sequence);
	beat->sequence++;
	return VMBUS_S_OK;
}

static int event(struct vmbus_ic *ic, const struct vmbus_ic_event *event, void *ctx)
{
	const bool *demonstration = ctx;

	switch (event->kind) {
	case VMBUS_IC_EVENT_OPENED:
		printf("opened %s\n", vmbus_info(vmbus_ic_chan(ic))->device->path);
		break;
	case VMBUS_IC_EVENT_NEGOTIATED:
		printf("the host speaks version %u.%u\n", event->message.major,
		       event->message.minor);
		break;
	case VMBUS_IC_EVENT_WAITING:
		fprintf(stderr, "waiting: %s\n", event->reason);
		break;
	case VMBUS_IC_EVENT_CLOSED:
		if (demonstration) {
			printf("the host has gone: the demonstration is over\n");
			break;
		}
		/* fall through */
	default:
		fprintf(stderr, "%s\n", event->reason);
	}
	return 0;
}

static const struct vmbus_ic_version messages[] = { { 3, 0 }, { 1, 0 } };
static const struct vmbus_ic_options options = {
	.struct_size = sizeof(options),
	.messages = messages,
	.message_count = 2,
	.request = beat,
	.event = event,
};

/* Serve until a signal asks to stop. */
static int drive(const char *id)
{
	struct vmbus_ic *ic;
	sigset_t set;
	int stop, err;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	stop = signalfd(-1, &set, SFD_CLOEXEC);
	if (stop < 0) {
		perror("signalfd");
		return 1;
	}
	err = vmbus_ic_new(id, &options, &ic);
	if (!err) {
		err = vmbus_ic_serve(ic, stop);
		vmbus_ic_free(ic);
	}
	if (err)
		fprintf(stderr, "%s\n", vmbus_error());
	close(stop);
	return err != 0;
}

/*
 * Play the host in the demonstration: send a request, and receive the answer.
 */
static int host_ask(struct vmbus_chan *host, uint16_t type, const void *body, size_t len,
		    unsigned char *got, size_t room)
{
	struct vmbus_ic_header hdr = {
		.type = type,
		.size = len,
		.flags = VMBUS_IC_FLAG_TRANSACTION | VMBUS_IC_FLAG_REQUEST,
	};
	const struct iovec iov[] = { { &hdr, sizeof(hdr) }, { (void *)body, len } };
	struct vmbus_packet pkt;
	int err;

	err = vmbus_queuev(host, VMBUS_PACKET_INBAND, 0, 1, iov, 2);
	if (!err)
		err = vmbus_flush(host);
	if (!err)
		err = vmbus_wait(host, VMBUS_WAIT_RECV, 10000);
	return err < 0 ? err : vmbus_recv(host, &pkt, got, room);
}

static int host_plays(struct vmbus_chan *host)
{
	const struct {
		struct vmbus_ic_negotiate counts;
		struct vmbus_ic_version versions[2];
	} offer = { { 1, 1, 0 }, { { 3, 0 }, { 3, 0 } } };
	unsigned char got[256];
	struct vmbus_ic_heartbeat beat;
	int err;

	err = host_ask(host, VMBUS_IC_NEGOTIATE, &offer, sizeof(offer), got, sizeof(got));
	for (uint64_t n = 1; !err && n <= 3; n++) {
		beat = (struct vmbus_ic_heartbeat){ .sequence = n };
		err = host_ask(host, VMBUS_IC_HEARTBEAT, &beat, sizeof(beat), got, sizeof(got));
		if (err)
			break;
		memcpy(&beat, got + sizeof(struct vmbus_ic_header), sizeof(beat));
		if (beat.sequence != n + 1)
			err = -EBADMSG;
	}
	vmbus_close(host); /* the guest sees a rescind */
	return err;
}

/* Serve a channel in memory. The demonstration ends when the channel ends. */
static int demo(void)
{
	struct vmbus_ic_options demo_options = options;
	bool demonstration = true;
	struct vmbus_chan *guest, *host;
	struct vmbus_ic *ic;
	int err, status = -1;
	pid_t pid;

	err = vmbus_open_pair(65536 * 2, 0, &guest, &host);
	if (err) {
		fprintf(stderr, "%s\n", vmbus_error());
		return 1;
	}
	pid = fork();
	if (!pid) {
		vmbus_close(guest);
		_exit(host_plays(host) != 0);
	}
	vmbus_close(host);
	demo_options.ctx = &demonstration;
	err = vmbus_ic_from_chan(guest, &demo_options, &ic);
	if (!err) {
		err = vmbus_ic_serve(ic, -1);
		vmbus_ic_free(ic);
	}
	vmbus_close(guest);
	if (err != -ENODEV) {
		fprintf(stderr, "the demonstration failed: %s\n", vmbus_error());
		return 1;
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
		fprintf(stderr,
			"the demonstration failed: the host did not get the right answers\n");
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *id = argc > 1 ? argv[1] : "heartbeat";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2 || (id[0] == '-' && strcmp(id, "--demo"))) {
		fputs("Usage: heartbeat [ID | --demo]\n", stderr);
		return 2;
	}
	/*
	 * After this, a rescind during an access to the rings is an error and
	 * not a SIGBUS.
	 */
	if (vmbus_guard()) {
		fprintf(stderr, "%s\n", vmbus_error());
		return 1;
	}
	return strcmp(id, "--demo") ? drive(id) : demo();
}
