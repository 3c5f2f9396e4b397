/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_TRANSFER_H
#define FCOPY_TRANSFER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "attributes.h"
#include "destination.h"
#include "journal.h"
#include "identity.h"
#include "policy.h"
#include "refusal.h"

/*
 * A transfer receives one file. The daemon writes the file without a name where
 * the file system supports that (O_TMPFILE), and otherwise under a temporary
 * name in the same directory. When the file is complete and on the disk, a
 * single step gives it its name. Until then nobody sees the file, and an error,
 * a CANCEL or the end of the daemon leaves nothing behind. These functions wait
 * for disks, so a worker calls them (worker.h).
 */

/** A path with its file name */
#define TRANSFER_FILE_SIZE (PATH_MAX + NAME_BYTES)

struct transfer {
	int file; /* -1 while no copy is active */
	struct destination to;
	bool force;
	int journal;		     /* the descriptor of journal_open(), or -1 */
	_Atomic uint64_t *id;	     /* the id of the copy's notes */
	const struct policy *policy; /* the policy at START */
	uint64_t max_bytes;	     /* how large the file may become */
	struct stat created;	     /* the file, as the kernel created it */
	uint64_t announced;	     /* the size in START, which is a hint */
	uint64_t received;	     /* bytes from the start, without a gap */
	uint64_t flushed;	     /* bytes whose write to the disk has begun */
	uint64_t written_back;	     /* bytes whose write to the disk has ended */
	/* a step needs fdatasync(2): sync_file_range(2) does too little */
	bool whole;
	uint32_t step; /* the bytes of a step */
	struct timespec step_begun;
	bool left;			   /* the file of the last copy could not be removed */
	char path[TRANSFER_FILE_SIZE];	   /* the target, for messages */
	char temporary[JOURNAL_NAME_SIZE]; /* "" while the file has no name */
	char made[JOURNAL_NAME_SIZE];	   /* the note of the created directories, or "" */
};

/**
 * transfer_init() - prepare @transfer, without an active copy
 * @id: where transfer_start() stores the id of the copy's notes, before it
 *	writes one
 */
void transfer_init(struct transfer *transfer, int journal, const struct policy *policy,
		   _Atomic uint64_t *id);

/** transfer_active() - whether a copy is active */
static inline bool transfer_active(const struct transfer *transfer)
{
	return transfer->file >= 0;
}

/*
 * If one of the next four functions returns a refusal, no copy is active any
 * more, and nothing is left of the file unless @left is set.
 */

/**
 * transfer_start() - begin a file; no copy may be active
 * @announced: the size that the host names; the file may become larger, but not
 *	smaller
 *
 * The function refuses the copy for every reason that is already known, and
 * reserves space if the file system supports that. It makes the process work as
 * the user of the place, and the other functions rely on that.
 */
enum refusal transfer_start(struct transfer *transfer, const struct destination_request *request,
			    uint64_t announced, struct failure *failure);

/**
 * transfer_write() - write data of the file, in order; earlier bytes may come
 * again
 */
enum refusal transfer_write(struct transfer *transfer, uint64_t offset, const void *data,
			    size_t size, struct failure *failure);

/**
 * transfer_finish() - set the file's attributes, and write all of it to the
 * disk
 */
enum refusal transfer_finish(struct transfer *transfer, struct failure *failure);

/** transfer_place() - give the file its name, after transfer_finish() */
enum refusal transfer_place(struct transfer *transfer, struct failure *failure);

/**
 * transfer_end() - write the directory to the disk, after transfer_place(), and
 * end the copy
 *
 * Returns REFUSAL_NONE, or REFUSAL_NOT_DURABLE if that failed.
 */
enum refusal transfer_end(struct transfer *transfer, struct failure *failure);

/**
 * transfer_discard() - end an active copy, if there is one, and remove its file
 */
void transfer_discard(struct transfer *transfer);

/**
 * transfer_name() - build the target's path as the host names it, before the
 * destination is known
 */
void transfer_name(const struct destination_request *request, char path[TRANSFER_FILE_SIZE]);

#endif
