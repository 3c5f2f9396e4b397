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
#include "identity.h"
#include "policy.h"
#include "refusal.h"

/*
 * A transfer receives one file. The daemon writes the file without a name where
 * the file system supports that (O_TMPFILE), and otherwise under a temporary
 * name in the same directory. When the file is complete and on the disk, a
 * single step gives it its name. Until then nobody sees the file, and an error,
 * a CANCEL or the end of the daemon leaves nothing behind.
 */

/* The daemon ends a copy if the host does not continue it for this time. */
#ifndef TRANSFER_IDLE_SECONDS
#define TRANSFER_IDLE_SECONDS 600
#endif

/** A path with its file name */
#define TRANSFER_FILE_SIZE (PATH_MAX + NAME_BYTES)

/** The results of all copies since the daemon started */
struct transfer_totals {
	uint64_t files;			      /* the files received */
	uint64_t bytes;			      /* the bytes of these files */
	uint64_t failed;		      /* the copies refused or lost */
	time_t failed_at;		      /* when the last one failed, or 0 */
	struct failure failure;		      /* why it failed */
	char failed_file[TRANSFER_FILE_SIZE]; /* "" without an acceptable name */
};

/*
 * transfer_start(), transfer_write(), transfer_work(), transfer_complete() and
 * transfer_discard() wait for disks, so the daemon calls them in a thread
 * (work.h). Meanwhile the event loop may call only transfer_give_up() and
 * transfer_totals(). The gate makes sure that the thread and the loop agree on
 * the end of the copy.
 */
enum transfer_gate {
	TRANSFER_OPEN,	   /* nothing is decided */
	TRANSFER_GIVEN_UP, /* transfer_give_up() decided that the file must not appear */
	TRANSFER_PLACING,  /* the file is about to appear, unless the disk reports an error */
	TRANSFER_PLACED,   /* the file is in place; its directory may not be on the disk */
	TRANSFER_FAILED,   /* the copy has failed by itself */
};

/**
 * A copy and the totals at one moment, which the loop may read while the thread
 * works
 */
struct transfer_view {
	bool active;
	uint64_t announced;
	uint64_t received;
	uint64_t usec; /* the time since the copy began */
	struct transfer_totals totals;
	char path[TRANSFER_FILE_SIZE];
};

struct transfer {
	int file; /* -1 while no copy is active */
	struct destination to;
	bool force;
	int journal;		     /* the descriptor of journal_open(), or -1 */
	const struct policy *policy; /* the current policy */
	struct settings settings;    /* those of the place at START */
	uint64_t max_bytes;	     /* how large the file may become */
	struct attributes attributes;
	uint64_t announced;    /* the size in START, which is a hint */
	uint64_t received;     /* bytes from the start, without a gap */
	uint64_t reserved;     /* bytes that fitted when last checked */
	uint64_t flushed;      /* bytes whose write to the disk has begun */
	uint64_t written_back; /* bytes whose write to the disk has ended */
	/* a step needs fdatasync(2): sync_file_range(2) does too little */
	bool whole;
	uint32_t step; /* the bytes of a step */
	struct timespec step_begun;
	struct failure late; /* a write that failed after the answer to WRITE */
	struct timespec begun;
	struct timespec latest; /* the time of the last transfer_touch() */
	_Atomic enum transfer_gate gate;
	atomic_bool confirmed;	  /* transfer_complete() needs the policy no more */
	pthread_mutex_t counting; /* protects the totals */
	struct transfer_totals totals;
	char path[TRANSFER_FILE_SIZE];	   /* the target, for messages */
	char temporary[JOURNAL_NAME_SIZE]; /* "" while the file has no name */
	char made[JOURNAL_NAME_SIZE];	   /* the note of the created directories, or "" */
	struct buffer buffer;
};

/**
 * transfer_init() - prepare @transfer, without an active copy
 * @policy: the policy of the caller, who may change it between calls
 */
void transfer_init(struct transfer *transfer, int journal, const struct policy *policy);

/** transfer_active() - whether a copy is active */
static inline bool transfer_active(const struct transfer *transfer)
{
	return transfer->file >= 0;
}

/*
 * If one of the next three functions returns a refusal, no copy is active any
 * more and nothing is left of the file, except after REFUSAL_NOT_DURABLE.
 */

/**
 * transfer_start() - begin a file
 * @announced: the size that the host names; the file may become larger, but not
 *	smaller
 *
 * The function discards an active copy. It refuses the copy for every reason
 * that is already known, and reserves space if the file system supports that.
 */
enum refusal transfer_start(struct transfer *transfer, const struct destination_request *request,
			    uint64_t announced, struct failure *failure);

/**
 * transfer_write() - accept data of the file
 *
 * Data arrives in order, but the host may repeat earlier bytes. The data is in
 * the file after transfer_work() or transfer_complete(). The next WRITE or
 * COMPLETE gets an error of transfer_work().
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
 * transfer_work() - write gathered data to the file, after the caller has
 * answered the host
 */
void transfer_work(struct transfer *transfer);

/** transfer_complete() - write and sync the file, and put it in place */
enum refusal transfer_complete(struct transfer *transfer, struct failure *failure);

/**
 * transfer_give_up() - let the copy fail while the thread works on it
 * @view: the copy, for the log
 * @event: LOG_REFUSED or LOG_LOST
 *
 * The function counts and logs the failure at once. The caller calls
 * transfer_discard() when the thread has ended its work.
 *
 * Returns TRANSFER_GIVEN_UP, or the state of the gate if the thread was faster.
 */
enum transfer_gate transfer_give_up(struct transfer *transfer, const struct transfer_view *view,
				    enum log_event event, const struct failure *failure);

/** transfer_look() - fill in @view; the thread must be idle */
void transfer_look(struct transfer *transfer, struct transfer_view *view);

/** transfer_totals() - copy the totals, at any time */
void transfer_totals(struct transfer *transfer, struct transfer_totals *totals);

/**
 * transfer_name() - build the target's path as the host names it, before the
 * destination is known
 */
void transfer_name(const struct destination_request *request, char path[TRANSFER_FILE_SIZE]);

/** transfer_touch() - record that the host has sent data of the active copy */
void transfer_touch(struct transfer *transfer);

/**
 * transfer_is_idle() - whether a copy is active and the host has not continued
 * it for TRANSFER_IDLE_SECONDS
 */
bool transfer_is_idle(const struct transfer *transfer);

/** transfer_usec() - return the microseconds since the copy began */
uint64_t transfer_usec(const struct transfer *transfer);

/**
 * transfer_discard() - end an active copy, if there is one, and remove its file
 */
void transfer_discard(struct transfer *transfer, const struct failure *failure);

/**
 * transfer_refused() - count and log a copy that failed before it could begin
 * @path: the target, or NULL if the host sent no acceptable name
 */
void transfer_refused(struct transfer *transfer, const char *path, const struct failure *failure);

#endif
