// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "worker.h"

/* The exit status of a worker */
enum { EXIT_CLEAN, EXIT_LEFT };

/* The memory that the daemon shares with a worker */
struct slot {
	_Atomic uint64_t id;	/* of its notes, which others must leave alone; or 0 */
	atomic_bool full[2];	/* the worker has yet to write this half */
	atomic_bool awaited;	/* the daemon waits for a half */
	char entered[PATH_MAX]; /* path_entered of the worker */
	unsigned char bytes[2][WORKER_HALF];
};

static struct slot *slots;
static pid_t pids[WORKERS_MAX]; /* the workers that have these slots, or 0 */
static bool waits[WORKERS_MAX]; /* those that wait for a disk, after worker_abandon() */
static pid_t cleaner;		/* the worker of worker_clean(), or 0 */
static bool cleaner_hangs;	/* after worker_leave_cleaner() */
static pid_t dead;		/* a worker that died and has yet to be collected, or 0 */
static bool notes_left = true;	/* there may be notes of interrupted copies */
static bool tell_notes = true;	/* the next cleaner logs those that stay */
static int journal = -1;
static void (*leave)(void);

int workers_init(int journal_fd, void (*leave_fn)(void))
{
	journal = journal_fd;
	leave = leave_fn;
	slots = mmap(NULL, WORKERS_MAX * sizeof(*slots), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return slots == MAP_FAILED ? -errno : 0;
}

/*
 * Fork a worker. It opens the state directory anew, because the lock of the
 * daemon lasts as long as any process has the daemon's descriptor.
 */
static pid_t fork_worker(const char *name)
{
	pid_t pid = fork();
	int own;

	if (pid)
		return pid < 0 ? -errno : pid;
	prctl(PR_SET_NAME, name);
	if (leave)
		leave();
	if (journal >= 0) {
		own = openat(journal, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(journal);
		journal = own;
	}
	return 0;
}

static void send_report(const struct report *report, void *context)
{
	/* If the daemon has ended, receive_order() notices it, too. */
	if (send(*(int *)context, report, sizeof(*report), MSG_NOSIGNAL) < 0 &&
	    report->kind == REPORT_PLACED)
		log_line(LOG_NOTICE, "%s: the disk has answered; the file is in place",
			 report->path);
}

static void receive_order(int fd, struct order *order)
{
	ssize_t n;

	do
		n = recv(fd, order, sizeof(*order), 0);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(*order))
		order->kind = ORDER_DISCARD;
}

static void free_half(struct slot *slot, unsigned int half, int fd)
{
	const struct report room = { .kind = REPORT_ROOM };

	slot->full[half] = false;
	if (atomic_exchange(&slot->awaited, false))
		send_report(&room, &fd);
}

__attribute__((noreturn)) static void work(struct slot *slot, int fd, const struct start *start,
					   const struct policy *policy)
{
	struct transfer transfer;
	struct order order = { .kind = ORDER_DISCARD };

	path_entered = slot->entered;
	transfer_init(&transfer, journal, policy, &slot->id);
	job_start(&transfer, start, send_report, &fd);
	while (transfer_active(&transfer)) {
		receive_order(fd, &order);
		job_obey(&transfer, &order, slot->bytes[order.half % 2], send_report, &fd);
		if (order.kind == ORDER_WRITE && transfer_active(&transfer))
			free_half(slot, order.half % 2, fd);
	}
	_exit(transfer.left ? EXIT_LEFT : EXIT_CLEAN);
}

int worker_start(struct worker *worker, const struct start *start, const struct policy *policy)
{
	unsigned int i = 0;
	struct slot *slot;
	int fds[2];
	pid_t pid;

	while (i < WORKERS_MAX && pids[i])
		i++;
	if (i == WORKERS_MAX)
		return -EBUSY;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	slot = &slots[i];
	slot->full[0] = slot->full[1] = slot->awaited = false;
	slot->entered[0] = '\0';
	pid = fork_worker("hv-fcopyd-copy");
	if (!pid) {
		close(fds[0]);
		work(slot, fds[1], start, policy);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return pid;
	}
	pids[i] = pid;
	*worker = (struct worker){ .pid = pid, .fd = fds[0], .slot = i };
	return 0;
}

static void send_order(struct worker *worker, const struct order *order)
{
	/* If the worker has ended, worker_receive() notices it. */
	send(worker->fd, order, sizeof(*order), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Let the worker write the current half, and go on with the other one. */
static void hand_over(struct worker *worker)
{
	const struct order order = {
		.kind = ORDER_WRITE,
		.half = worker->half,
		.offset = worker->offset,
		.size = worker->length,
	};

	slots[worker->slot].full[worker->half] = true;
	send_order(worker, &order);
	worker->half ^= 1;
	worker->offset += worker->length;
	worker->length = 0;
}

/* Whether @half is free; otherwise the worker reports when it is. */
static bool is_free(struct worker *worker, unsigned int half)
{
	struct slot *slot = &slots[worker->slot];

	if (!slot->full[half])
		return true;
	slot->awaited = true;
	/* The worker may have looked at @awaited before that. */
	if (slot->full[half])
		return false;
	slot->awaited = false;
	return true;
}

static void gather(struct worker *worker, uint64_t offset, const void *data, size_t size)
{
	size_t at = offset - worker->offset;

	memcpy(slots[worker->slot].bytes[worker->half] + at, data, size);
	if (at + size > worker->length)
		worker->length = at + size;
}

bool worker_write(struct worker *worker, uint64_t offset, const void *data, size_t size)
{
	size_t first = 0;

	if (!is_free(worker, worker->half))
		return false;
	if (!worker->length)
		worker->offset = offset;
	if (offset >= worker->offset && offset <= worker->offset + worker->length) {
		first = worker->offset + WORKER_HALF - offset;
		if (first > size)
			first = size;
	}
	if (first < size && !is_free(worker, worker->half ^ 1))
		return false;
	if (first)
		gather(worker, offset, data, first);
	if (first < size) {
		hand_over(worker);
		worker->offset = offset + first;
		gather(worker, worker->offset, (const char *)data + first, size - first);
	}
	if (worker->length == WORKER_HALF)
		hand_over(worker);
	return true;
}

void worker_order(struct worker *worker, enum order_kind kind)
{
	const struct order order = { .kind = kind };

	if (kind == ORDER_FINISH && worker->length)
		hand_over(worker);
	send_order(worker, &order);
}

/* There is no worker any more. */
static void forget(struct worker *worker)
{
	close(worker->fd);
	*worker = (struct worker){ .fd = -1 };
}

bool worker_receive(struct worker *worker, struct report *report)
{
	ssize_t n;

	if (!worker->pid)
		return false;
	/*
	 * If the worker ended before it read an order, the kernel reports that
	 * first, once, and then the reports.
	 */
	do
		n = recv(worker->fd, report, sizeof(*report), MSG_DONTWAIT);
	while (n < 0 && errno == ECONNRESET);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n != sizeof(*report)) {
		*report = (struct report){ .kind = REPORT_ENDED, .left = true };
		refusal_set(&report->failure, REFUSAL_OTHER, "the process of the copy has died");
		if (pids[worker->slot] == worker->pid)
			dead = worker->pid;
	}
	/*
	 * A worker has fewer privileges, so do not rely on its strings, or on
	 * the refusal, which is the index of a table.
	 */
	if (report->failure.refusal >= REFUSAL_COUNT)
		report->failure.refusal = REFUSAL_OTHER;
	report->path[sizeof(report->path) - 1] = '\0';
	report->failure.detail[sizeof(report->failure.detail) - 1] = '\0';
	if (report->kind == REPORT_ENDED)
		forget(worker);
	return true;
}

void worker_abandon(struct worker *worker)
{
	if (!worker->pid)
		return;
	waits[worker->slot] = pids[worker->slot] == worker->pid;
	forget(worker);
}

bool worker_waits(const char *path, char directory[PATH_MAX])
{
	for (unsigned int i = 0; i < WORKERS_MAX; i++) {
		if (!waits[i])
			continue;
		/* The daemon does not rely on what a worker has written. */
		snprintf(directory, PATH_MAX, "%.*s", PATH_MAX - 1, slots[i].entered);
		if (*directory && path_is_below(path, directory))
			return true;
	}
	return false;
}

static void free_slot(pid_t pid)
{
	for (unsigned int i = 0; i < WORKERS_MAX; i++) {
		if (pids[i] == pid) {
			pids[i] = 0;
			waits[i] = false;
			slots[i].id = 0;
		}
	}
}

void worker_reap(void)
{
	int status;
	bool left;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		left = !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_CLEAN;
		if (pid == cleaner) {
			cleaner = 0;
			notes_left |= left;
			continue;
		}
		free_slot(pid);
		if (pid == dead)
			dead = 0;
		if (left) {
			notes_left = true;
			/* This worker has logged nothing. */
			tell_notes |= !WIFEXITED(status);
			worker_clean();
		}
	}
}

/*
 * Whether a worker has the notes with this id. A worker stores the id before it
 * writes a note, and its slot keeps the id until the daemon has collected it.
 */
static bool is_busy(uint64_t id)
{
	for (unsigned int i = 0; i < WORKERS_MAX; i++)
		if (slots[i].id == id)
			return true;
	return false;
}

bool worker_clean(void)
{
	unsigned int left;
	pid_t pid;
	int err;

	if (cleaner || dead || !notes_left || journal < 0)
		return worker_is_cleaning();
	pid = fork_worker("hv-fcopyd-clean");
	if (!pid) {
		err = journal_clean(journal, is_busy, tell_notes, &left);
		_exit(err || left ? EXIT_LEFT : EXIT_CLEAN);
	}
	if (pid > 0) {
		cleaner = pid;
		cleaner_hangs = false;
		notes_left = false;
		tell_notes = false;
	}
	return worker_is_cleaning();
}

/*
 * When a worker dies, the kernel closes its socket before it sends SIGCHLD. The
 * host may send the next START in between, and the cleaner starts only after
 * the signal.
 */
bool worker_is_cleaning(void)
{
	return (cleaner && !cleaner_hangs) || dead;
}

void worker_leave_cleaner(void)
{
	cleaner_hangs = true;
}
