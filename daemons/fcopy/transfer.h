/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_TRANSFER_H
#define FCOPY_TRANSFER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "attributes.h"
#include "buffer.h"
#include "destination.h"
#include "journal.h"
#include "log.h"
#include "policy.h"
#include "refusal.h"

/*
 * One file on its way. It is written aside, without a name where the file
 * system can do that (O_TMPFILE), else under a temporary name in the same
 * directory. When it is complete and on the disk, one step puts it in place.
 * Until then nothing is seen of it, and an error, a cancel or the end of the
 * daemon leaves nothing.
 */

/* A host that sends nothing of a copy for so long has forgotten it. */
#ifndef TRANSFER_IDLE_SECONDS
#define TRANSFER_IDLE_SECONDS	600
#endif

/** A path with its file name */
#define TRANSFER_FILE_SIZE	(PATH_MAX + NAME_BYTES)

/** What became of all copies since the daemon started */
struct transfer_totals {
	uint64_t files;			/* received */
	uint64_t bytes;			/* of these */
	uint64_t failed;		/* refused or lost */
	time_t failed_at;		/* when the last one failed; 0: none did */
	struct failure failure;		/* why */
	char failed_file[TRANSFER_FILE_SIZE];	/* "": the host sent no acceptable name */
};

/*
 * transfer_start(), transfer_write(), transfer_work(), transfer_complete() and
 * transfer_discard() wait for disks, so the daemon calls them in its thread for
 * that (work.h). Meanwhile its loop may call only transfer_give_up() and
 * transfer_totals(). Both sides agree by the gate on what becomes of the copy.
 */
enum transfer_gate {
	TRANSFER_OPEN,		/* nothing is decided */
	TRANSFER_GIVEN_UP,	/* transfer_give_up(): the file must not appear */
	TRANSFER_PLACING,	/* the file is about to appear, unless the disk refuses that */
	TRANSFER_PLACED,	/* the file is in place; its directory may not be on the disk */
	TRANSFER_FAILED,	/* the copy has failed by itself */
};

/**
 * A copy and the totals at one moment: what the loop may look at while the
 * thread works
 */
struct transfer_view {
	bool active;
	uint64_t announced;
	uint64_t received;
	uint64_t usec;			/* since the copy began */
	struct transfer_totals totals;
	char path[TRANSFER_FILE_SIZE];
};

struct transfer {
	int file;			/* -1: no copy is active */
	struct destination to;
	bool force;
	int journal;			/* of journal_open(), or -1 */
	const struct policy *policy;	/* as it is now */
	struct policy limits;		/* as START found it, without its rules */
	struct attributes attributes;
	uint64_t announced;		/* the size that START names: a hint */
	uint64_t received;		/* bytes from the start, without a gap */
	uint64_t reserved;		/* bytes for which there was room when last checked */
	uint64_t flushed;		/* bytes whose way to the disk has begun */
	uint64_t written_back;		/* bytes whose way to it was waited for */
	/* a step is fdatasync(2), as sync_file_range(2) does too little */
	bool whole;
	uint32_t step;			/* bytes that begin it at a time */
	struct timespec step_begun;
	struct failure late;		/* a write that failed after its WRITE was answered */
	struct timespec begun;
	struct timespec latest;		/* of transfer_touch() */
	_Atomic enum transfer_gate gate;
	pthread_mutex_t counting;	/* holds the totals */
	struct transfer_totals totals;
	char path[TRANSFER_FILE_SIZE];	/* the target, for messages */
	char temporary[JOURNAL_NAME_SIZE];	/* "": the file has no name */
	char made[JOURNAL_NAME_SIZE];	/* the note of the directories that were made, or "" */
	struct buffer buffer;
};

/**
 * transfer_init() - no copy is active; @policy stays the caller's, who may
 * change it between calls
 */
void transfer_init(struct transfer *transfer, int journal, const struct policy *policy);

static inline bool transfer_active(const struct transfer *transfer)
{
	return transfer->file >= 0;
}

/*
 * When the next three return a refusal, no copy is active any more and nothing
 * is left of the file, but for REFUSAL_NOT_DURABLE.
 */

/**
 * transfer_start() - begin a file
 * @announced: the size that the host names; more may come, fewer may not
 *
 * Discards an active copy. Refuses now whatever can be known now, and reserves
 * room where the file system can do that.
 */
enum refusal transfer_start(struct transfer *transfer, const struct destination_request *request,
			    uint64_t announced, struct failure *failure);

/**
 * transfer_write() - take some of its data
 *
 * Bytes come in order; the host may send earlier ones again. The data is in
 * the file after transfer_work() or transfer_complete(), and what fails there
 * is the answer to the next WRITE or COMPLETE.
 */
enum refusal transfer_write(struct transfer *transfer, uint64_t offset, const void *data,
			    size_t size, struct failure *failure);

/**
 * transfer_is_quick() - whether transfer_write() would only gather these bytes
 */
bool transfer_is_quick(const struct transfer *transfer, uint64_t offset, size_t size);

/** transfer_has_work() - whether transfer_work() has something to write */
bool transfer_has_work(const struct transfer *transfer);

/**
 * transfer_work() - write gathered data to the file; the caller has answered
 * the host before
 */
void transfer_work(struct transfer *transfer);

/** transfer_complete() - write and sync all of it, and put it in place */
enum refusal transfer_complete(struct transfer *transfer, struct failure *failure);

/**
 * transfer_give_up() - let the copy fail on which the thread is at work
 * @view: of the copy, for the log
 * @event: LOG_REFUSED or LOG_LOST
 *
 * Counts and logs the failure now. What the thread does ends as it can; call
 * transfer_discard() then.
 *
 * Returns the gate as it is now: TRANSFER_GIVEN_UP, or where the thread was
 * faster.
 */
enum transfer_gate transfer_give_up(struct transfer *transfer, const struct transfer_view *view,
				    enum log_event event, const struct failure *failure);

/** transfer_look() - fill in @view, while the thread is not at work */
void transfer_look(struct transfer *transfer, struct transfer_view *view);

/** transfer_totals() - copy the totals, at any time */
void transfer_totals(struct transfer *transfer, struct transfer_totals *totals);

/**
 * transfer_name() - the target as the host names it, before its place is known
 */
void transfer_name(const struct destination_request *request, char path[TRANSFER_FILE_SIZE]);

/** transfer_touch() - the host has sent something of the active copy */
void transfer_touch(struct transfer *transfer);

/**
 * transfer_is_idle() - whether a copy is active and nothing of it came for
 * TRANSFER_IDLE_SECONDS
 */
bool transfer_is_idle(const struct transfer *transfer);

/** transfer_usec() - microseconds since the copy began */
uint64_t transfer_usec(const struct transfer *transfer);

/**
 * transfer_discard() - end an active copy without a file; does nothing if there
 * is none
 */
void transfer_discard(struct transfer *transfer, const struct failure *failure);

/**
 * transfer_refused() - count and log a copy that failed before it could begin
 * @path: the target; NULL: the host sent no acceptable name
 */
void transfer_refused(struct transfer *transfer, const char *path, const struct failure *failure);

#endif
