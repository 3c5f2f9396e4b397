// SPDX-License-Identifier: GPL-2.0-only
/*
 * check-copy-vmfile COPY-VMFILE: plays a device and its guest to copy-vmfile.
 * Some guests keep all rules. Each of the others breaks one rule in one answer,
 * and copy-vmfile must stop there and name the rule, and first name it to the
 * device as a fault. The program prints one result for each guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"
#include "ic.h"

/* The steps of a copy, and sets of them */
enum { AT_NEGOTIATE, AT_START, AT_WRITE, AT_COMPLETE, STEPS };
#define NEGOTIATION (1u << AT_NEGOTIATE)
#define FILE_COPY (1u << AT_START | 1u << AT_WRITE | 1u << AT_COMPLETE)
#define EVERYWHERE (NEGOTIATION | FILE_COPY)

/* The copy has two WRITEs. */
#define CONTENTS "10000:1"

struct guest {
	const char *name;
	unsigned int steps; /* the guest breaks its rule at each of these, in separate copies */
	uint16_t type;      /* this number is added to the packet's type */
	int longer;         /* this number is added to the packet's length */
	uint32_t len;       /* the packet's length, if not 0 */
	size_t at;          /* @add is added to this byte of the IC header */
	int add;
	bool silent;        /* there is no answer */
	bool deaf;          /* the first message has no answer until the host repeats it */
	bool late;          /* the answer comes 1.5 s later; the host's limit is 1 s */
	bool surplus;       /* there are two answers */
	bool twice;         /* the host sends each message twice; the second answer is wrong */
	bool new_id;        /* the second message has another transaction id */
	bool real;          /* the host has the times of a real one */
	const char *reason; /* NULL if the guest keeps the rules */
};

#define FIELD(field, number) .at = offsetof(struct ic, field), .add = (number)

#define WRONG_LENGTH "the answer's packet has another length than the request's"
#define WRONG_PIPE "the answer's pipe header differs from the request's"
#define WRONG_ID "the answer carries another transaction id"
#define WRONG_FLAGS "the answer's flags are not transaction and response"
#define WRONG_TYPE "the type of the answer differs from that of the request"

static const struct guest guests[] = {
	{ .name = "all rules are kept", .steps = NEGOTIATION },
	{ "each message of the copy comes twice", NEGOTIATION, .twice = true },
	{ "each comes twice, with another id", NEGOTIATION, .twice = true, .new_id = true },
	{ "message_size of NEGOTIATE is that of two versions", NEGOTIATION, FIELD(size, -8) },
	{ "message_size less than that of two versions", NEGOTIATION, FIELD(size, -9),
	  .reason = "the answer carries no versions" },
	{ "another packet type", EVERYWHERE, .type = 1,
	  .reason = "the answer's packet is not of the type in-band" },
	{ "a packet too short for the IC header", EVERYWHERE, .len = 24,
	  .reason = "the answer is too short" },
	{ "a shorter packet", EVERYWHERE, .longer = -8, .reason = WRONG_LENGTH },
	{ "a longer packet", EVERYWHERE, .longer = 8, .reason = WRONG_LENGTH },
	{ "a pipe header without flag", EVERYWHERE, FIELD(pipe_flags, -1),
	  .reason = WRONG_PIPE },
	{ "a pipe header with one more flag", EVERYWHERE, FIELD(pipe_flags, 2),
	  .reason = WRONG_PIPE },
	{ "a smaller size in the pipe header", EVERYWHERE, FIELD(pipe_size, -1),
	  .reason = WRONG_PIPE },
	{ "a larger size in the pipe header", EVERYWHERE, FIELD(pipe_size, 4),
	  .reason = WRONG_PIPE },
	{ "another transaction id", EVERYWHERE, FIELD(transaction, 1), .reason = WRONG_ID },
	{ "no flag transaction", EVERYWHERE, FIELD(flags, -IC_TRANSACTION),
	  .reason = WRONG_FLAGS },
	{ "no flag response", EVERYWHERE, FIELD(flags, -IC_RESPONSE), .reason = WRONG_FLAGS },
	{ "the flag request", EVERYWHERE, FIELD(flags, IC_REQUEST), .reason = WRONG_FLAGS },
	{ "an unknown flag", EVERYWHERE, FIELD(flags, 8), .reason = WRONG_FLAGS },
	{ "another message type", EVERYWHERE, FIELD(type, 1), .reason = WRONG_TYPE },
	{ "message_size beyond the packet", EVERYWHERE, FIELD(size, 1),
	  .reason = "the answer's message_size is more than its packet holds" },
	{ "a smaller message_size", FILE_COPY, FIELD(size, -1),
	  .reason = "the answer's message_size differs from the request's" },
	{ "no answer", EVERYWHERE, .silent = true, .reason = "no answer within 1 s" },
	{ "the first message is ignored: it comes again", EVERYWHERE, .deaf = true },
	{ "an answer after 1.5 s", NEGOTIATION | 1u << AT_START, .late = true,
	  .reason = "the answer came later than 1 s" },
	{ "an answer to a repetition after 1.5 s", 1u << AT_COMPLETE, .twice = true, .late = true,
	  .reason = "the answer came later than 1 s" },
	{ "the first message is ignored: it comes again after 60 s", 1u << AT_START, .deaf = true,
	  .real = true, .reason = "the answer came later than 30 s" },
	/*
	 * The host takes a surplus answer for that of its next request. It may
	 * not read a surplus answer to COMPLETE.
	 */
	{ "two answers", NEGOTIATION | 1u << AT_START, .surplus = true, .reason = WRONG_LENGTH },
	{ "two answers", 1u << AT_WRITE, .surplus = true, .reason = WRONG_ID },
	{ "the flag request in the answer to a repetition", 1u << AT_COMPLETE, .twice = true,
	  FIELD(flags, IC_REQUEST), .reason = WRONG_FLAGS },
	{ "another transaction id in the answer to a repetition", 1u << AT_COMPLETE, .twice = true,
	  FIELD(transaction, 1), .reason = "the answer belongs to no unanswered request" },
};

static const char *program;
/* What the program reported to the device as a fault */
static char fault[256];
/* How the program's messages differ from those of a real host, or NULL */
static const char *unlike_host;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static int listener;

static void give_up(const char *what)
{
	fprintf(stderr, "check-copy-vmfile: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* The device and the guest */

struct message {
	struct ic ic;
	union {
		struct negotiate negotiate;
		struct fcopy fcopy;
		uint8_t body[FRAME_MAX_LEN];
	} PACKED;
} PACKED;

static bool get(int device, void *bytes, size_t len)
{
	return !len || recv(device, bytes, len, MSG_WAITALL) == (ssize_t)len;
}

static void put(int device, struct frame frame, const void *payload)
{
	/* The program may have left already. */
	send(device, &frame, sizeof(frame), MSG_NOSIGNAL);
	send(device, payload, frame.len, MSG_NOSIGNAL);
}

/*
 * Returns whether a NEGOTIATE is one of a real host: the versions and the
 * transaction id of its header are zero, and it lists versions in ascending
 * order.
 */
static bool is_real(const struct message *m)
{
	static const struct version none;
	const struct version *list = m->negotiate.version;

	for (int i = 0; i < 2 * VERSIONS - 1; i++)
		if (i != VERSIONS - 1 && (list[i].major << 16 | list[i].minor) >=
					 (list[i + 1].major << 16 | list[i + 1].minor))
			return false;
	return m->ic.flags == (IC_TRANSACTION | IC_REQUEST) && !m->ic.transaction &&
	       !memcmp(&m->ic.framework, &none, sizeof(none)) &&
	       !memcmp(&m->ic.service, &none, sizeof(none)) &&
	       m->negotiate.frameworks == VERSIONS && m->negotiate.services == VERSIONS;
}

static int step_of(const struct message *m)
{
	return m->ic.type == IC_NEGOTIATE ? AT_NEGOTIATE : AT_START + (int)m->fcopy.operation;
}

/* Turn a request into the right answer. */
static void turn(struct message *m)
{
	m->ic.flags = IC_TRANSACTION | IC_RESPONSE;
	m->ic.status = 0;
	if (m->ic.type != IC_NEGOTIATE)
		return;
	m->negotiate.frameworks = m->negotiate.services = 1;
	m->negotiate.version[0] = m->negotiate.version[VERSIONS - 1];
	m->negotiate.version[1] = m->negotiate.version[2 * VERSIONS - 1];
}

/*
 * Judge a request, whose step the guest has answered @answers times: with
 * --twice, the second message has either the same id or another one, and
 * without an answer it comes after 60 s.
 */
static void judge(const struct guest *guest, const struct message *m, bool wrong_step, int answers)
{
	static struct timespec before;
	static uint8_t transaction;
	static bool again;
	struct timespec now;

	if (m->ic.type == IC_NEGOTIATE) {
		again = false;
		if (!is_real(m))
			unlike_host = "NEGOTIATE is not that of a real host";
		return;
	}
	if (guest->twice && again && (m->ic.transaction != transaction) != guest->new_id)
		unlike_host = "a repetition has the wrong transaction id";
	again = !again;
	transaction = m->ic.transaction;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (guest->real && wrong_step && answers == 1 &&
	    now.tv_sec - before.tv_sec < 59)
		unlike_host = "the repetition came before 60 s";
	before = now;
}

/* Answer the program until it leaves. */
static void serve(int device, const struct guest *guest, int wrong_step)
{
	union {
		struct frame_hello hello;
		uint8_t bytes[sizeof(struct frame_hello) + sizeof(struct frame_channel)];
	} first = { .hello = { .version = FRAME_VERSION, .channels = 1 } };
	int answers[STEPS] = { 0 };
	static struct message m;
	struct frame frame;

	fault[0] = 0;
	unlike_host = NULL;
	first.hello.channel[0] = (struct frame_channel){ .offered = FRAME_IS_OFFERED, .open = 1 };
	put(device, (struct frame){ .op = FRAME_HELLO, .len = sizeof(first) }, &first);
	while (get(device, &frame, sizeof(frame)) && frame.len <= FRAME_MAX_LEN &&
	       get(device, &m, frame.len)) {
		int step;

		if (frame.op == FRAME_FAULT)
			snprintf(fault, sizeof(fault), "%.*s", (int)frame.len, (char *)&m);
		if (frame.op == FRAME_NOTE || frame.op == FRAME_FAULT) {
			put(device, (struct frame){ .op = FRAME_OK, .tag = frame.tag }, NULL);
			continue;
		}
		step = step_of(&m);
		judge(guest, &m, step == wrong_step, answers[step]);
		turn(&m);
		/* The device sees the padding of a packet, too. */
		frame.len = (frame.len + 7) / 8 * 8;
		if (step == wrong_step && answers[step]++ == guest->twice) {
			if (guest->silent || guest->deaf)
				continue;
			if (guest->late)
				usleep(1500000);
			if (guest->surplus)
				put(device, frame, &m);
			frame.type += guest->type;
			frame.len = guest->len ? guest->len : frame.len + (uint32_t)guest->longer;
			((uint8_t *)&m)[guest->at] += (uint8_t)guest->add;
		} else if (guest->deaf && step == wrong_step && answers[step] == 2) {
			/* This is the repetition. The guest answers both. */
			put(device, frame, &m);
		}
		put(device, frame, &m);
	}
}

/* The program */

/* Read what a program that has ended wrote to a pipe. */
static void read_output(int end, char *text, size_t size)
{
	ssize_t len = read(end, text, size - 1);

	text[len > 0 ? len : 0] = 0;
	close(end);
}

/* Returns the exit status of the program. Sets @out and @err to its output. */
static int run(const struct guest *guest, int step, char *out, char *err, size_t size)
{
	const char *timeout = guest->silent ? "1" : guest->real ? "90" : "600";
	const char *argv[10] = { program, "--timeout", timeout, "--generate", CONTENTS,
				 address.sun_path };
	int outputs[2], errors[2], device, status, n = 6;
	pid_t child;

	if (guest->twice)
		argv[n++] = "--twice";
	if (guest->new_id)
		argv[n++] = "--new-id";
	if (guest->deaf && !guest->real)
		argv[n++] = "--retry-after=1";
	if (guest->late)
		argv[n++] = "--limit=1";
	if (pipe2(outputs, O_CLOEXEC) || pipe2(errors, O_CLOEXEC))
		give_up("pipe");
	child = fork();
	if (!child) {
		dup2(outputs[1], STDOUT_FILENO);
		dup2(errors[1], STDERR_FILENO);
		execv(program, (char **)argv);
		give_up(program);
	}
	device = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (child < 0 || device < 0)
		give_up(program);
	serve(device, guest, step);
	close(device);
	close(outputs[1]);
	close(errors[1]);
	if (waitpid(child, &status, 0) != child)
		give_up("waitpid");
	read_output(outputs[0], out, size);
	read_output(errors[0], err, size);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* Returns whether the program's verdict is that of the table. */
static bool check(const struct guest *guest, int step)
{
	static const char *const names[] = { "negotiate", "start", "write", "complete" };
	const char *where = guest->reason || guest->deaf ? names[step] : "whole copy";
	const char *at = names[guest->surplus && step < AT_WRITE ? step + 1 : step];
	const char *last = "\nstatus 0x00000000 (The operation completed successfully.)\n";
	int wanted = !guest->reason ? 0 : guest->silent || guest->late || guest->real ? 3 : 4;
	const char *wanted_fault = wanted == 4 ? guest->reason : "";
	char out[4096], err[4096], error[256] = "";
	int status = run(guest, step, out, err, sizeof(out));
	bool whole = strstr(out, "\nbytes 10000\n") && strlen(out) > strlen(last) &&
		     !strcmp(out + strlen(out) - strlen(last), last) &&
		     (!guest->deaf || strstr(out, "\nsent 1 messages again\n"));

	if (guest->reason)
		snprintf(error, sizeof(error), "copy-vmfile: %s: %s\n",
			 guest->twice ? "the last request" : at, guest->reason);
	if (status == wanted && !strcmp(err, error) && !strcmp(fault, wanted_fault) &&
	    !unlike_host && whole == !guest->reason) {
		printf("ok copy-vmfile: %s: %s\n", where, guest->name);
		return true;
	}
	printf("not ok copy-vmfile: %s: %s\n# exit status %d, expected %d\n", where,
	       guest->name, status, wanted);
	printf("# fault '%s', expected '%s'%s%s\n", fault, wanted_fault, unlike_host ? "; " : "",
	       unlike_host ? unlike_host : "");
	printf("# stderr '%.*s', expected '%.*s'%s\n", (int)strcspn(err, "\n"), err,
	       (int)strcspn(error, "\n"), error, whole ? "; the copy is complete" : "");
	return false;
}

/*
 * Returns whether the program's verdicts are right, on either the guests with
 * real times or the others.
 */
static bool check_all(const char *directory, bool real)
{
	bool good = true;

	/* End with a failure if a program hangs. */
	alarm(1800);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", directory,
		 real ? "real" : "quick");
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 1))
		give_up(address.sun_path);
	for (size_t i = 0; i < sizeof(guests) / sizeof(guests[0]); i++)
		for (int step = 0; step < STEPS; step++)
			if (guests[i].real == real && guests[i].steps & 1u << step)
				good &= check(&guests[i], step);
	unlink(address.sun_path);
	return good;
}

int main(int argc, char **argv)
{
	char directory[] = "/tmp/check-copy-vmfile.XXXXXX";
	pid_t patient;
	int status;
	bool good;

	if (argc != 2 || !mkdtemp(directory)) {
		fputs("usage: check-copy-vmfile COPY-VMFILE\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	program = argv[1];
	/* Real times take a minute, during which the other guests run. */
	patient = fork();
	if (patient < 0)
		give_up("fork");
	if (!patient) {
		/* If the other one ends early, so does this one. */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		return !check_all(directory, true);
	}
	good = check_all(directory, false);
	if (waitpid(patient, &status, 0) != patient)
		give_up("waitpid");
	rmdir(directory);
	return !good || status;
}
