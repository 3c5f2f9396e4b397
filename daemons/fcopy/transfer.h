/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_TRANSFER_H
#define FCOPY_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "leftover.h"
#include "name.h"
#include "policy.h"

/*
 * One file on its way: written aside, without a name where the file system can (O_TMPFILE), else
 * under a temporary one in the same directory, and put in place in one step when it is complete and
 * on the disk. Until then nothing is seen of it, and an error, a cancel or the end of the daemon
 * leave nothing.
 *
 * A new file gets mode and owner that the policy names, without one 0644 less the umask. One that
 * replaces a regular file takes over its owner, group, permission bits (not set-user-id and the
 * like) and SELinux label; a symbolic link with the name is replaced itself, never followed.
 */

#define TRANSFER_OVERWRITE	0x1u	/* an existing file may be replaced */
#define TRANSFER_CREATE_PATH	0x2u	/* missing directories are made */

/* A host that says nothing of a copy for so long has forgotten it; a test has less time. */
#ifndef TRANSFER_IDLE_SECONDS
#define TRANSFER_IDLE_SECONDS	600
#endif

struct transfer {
	int file;		/* -1: nothing under way */
	int dir;		/* the directory that it goes into */
	int state;		/* of leftover_open(), or -1 */
	const struct policy *policy;	/* looked at by START only */
	int mode;		/* these four as policy had them then */
	uid_t uid;
	gid_t gid;
	char label[POLICY_LABEL_SIZE];
	unsigned int avoid;	/* for tests: TRANSFER_AVOID_* */
	unsigned int flags;
	unsigned int created;	/* directories made for it */
	uint64_t size;		/* declared */
	uint64_t received;	/* bytes from the start, without a gap */
	uint64_t flushed;	/* of these, on their way to the disk */
	struct timespec begun;
	struct timespec latest;	/* START or WRITE */
	struct {
		uint64_t files;		/* received */
		uint64_t bytes;		/* of these */
		uint64_t failed;	/* refused or lost */
	} totals;
	char directory[NAME_BYTES];
	char name[NAME_BYTES];
	char temporary[LEFTOVER_NAME_SIZE];	/* "": the file has no name */
	char made[LEFTOVER_NAME_SIZE];		/* the note of what was created, or "" */
};

/* Act as on a system without these */
#define TRANSFER_AVOID_OPENAT2	0x1u
#define TRANSFER_AVOID_TMPFILE	0x2u
#define TRANSFER_AVOID_NOREPLACE 0x4u	/* renameat2(RENAME_NOREPLACE) */

/** transfer_init() - with nothing under way; @policy stays the caller's, who may change it between calls */
void transfer_init(struct transfer *transfer, int state, const struct policy *policy);

static inline bool transfer_active(const struct transfer *transfer)
{
	return transfer->file >= 0;
}

/*
 * The next three return 0 or -errno. When they fail nothing is under way any more and nothing is
 * left of the file.
 */

/**
 * transfer_start() - begins a file
 * @directory: passed name_check_directory()
 * @name: passed name_check_file()
 *
 * What was under way is discarded. All that can be known now is refused now: -EEXIST, -EISDIR,
 * -EACCES (the target is neither file nor link), -EFBIG, -ENOSPC (the room is reserved, where the
 * file system can), -EMSGSIZE and -ENOBUFS (policy), and what path_open_directory() returns.
 */
int transfer_start(struct transfer *transfer, const char *directory, const char *name,
		   unsigned int flags, uint64_t size);

/**
 * transfer_write() - some of its data
 *
 * Bytes come in order; what came before may be sent again. -EINVAL: beyond the declared size, or
 * with a gap before.
 */
int transfer_write(struct transfer *transfer, uint64_t offset, const void *data, size_t size);

/** transfer_complete() - puts it in place: -EBADMSG (bytes are missing), -EEXIST (somebody was faster) */
int transfer_complete(struct transfer *transfer);

/** transfer_is_idle() - whether one is under way of which nothing has come for TRANSFER_IDLE_SECONDS */
bool transfer_is_idle(const struct transfer *transfer);

/** transfer_usec() - microseconds since it began */
uint64_t transfer_usec(const struct transfer *transfer);

/**
 * transfer_discard() - ends it without a file; nothing happens if nothing is under way
 * @error: what the host is told of it, or would be
 */
void transfer_discard(struct transfer *transfer, int error, const char *reason);

#endif
