/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_REFUSAL_H
#define FCOPY_REFUSAL_H

#include <stddef.h>

/*
 * Every reason for which a copy is refused or fails. hresult.h maps each one to
 * the code that the host gets; refusal_words() maps each one to words.
 */
enum refusal {
	REFUSAL_NONE,		/* nothing is wrong */

	/* What the host sent */
	REFUSAL_MESSAGE,	/* a message with impossible lengths or offsets */
	REFUSAL_UNKNOWN,	/* a message or operation that this daemon does not know */
	REFUSAL_VERSION,	/* no version was agreed */
	REFUSAL_NO_COPY,	/* WRITE or COMPLETE, and no copy is active */
	REFUSAL_INCOMPLETE,	/* COMPLETE before all announced bytes arrived */
	REFUSAL_CANCELLED,	/* the host cancelled the copy, or started another one */
	REFUSAL_IDLE,		/* the host sent nothing of the copy for too long */
	REFUSAL_NAME,		/* a file name or destination that is not acceptable */
	REFUSAL_NAME_TOO_LONG,

	/* The destination */
	REFUSAL_MISSING,	/* a directory does not exist */
	REFUSAL_NOT_DIRECTORY,	/* a component of the path is not a directory */
	REFUSAL_DIRECTORY,	/* the target is a directory, or a link to one */
	REFUSAL_EXISTS,		/* the target exists, and -Force was not given */
	REFUSAL_NOT_FILE,	/* the target is a socket, a pipe or a device */
	REFUSAL_LINK,		/* a symbolic link that is not followed */
	REFUSAL_KERNEL,		/* /proc, /sys, /dev or a file system of the kernel */
	REFUSAL_IMMUTABLE,	/* the target or its directory is immutable or append-only */
	REFUSAL_MOUNT_POINT,	/* another file is mounted on the target */
	REFUSAL_ACCESS,		/* the kernel denies access */
	REFUSAL_READ_ONLY,	/* the file system is mounted read-only */
	REFUSAL_BUSY,

	/* fcopyd.conf(5) */
	REFUSAL_DISABLED,	/* enable=no */
	REFUSAL_RULE,		/* allow= and deny= */
	REFUSAL_MAX_SIZE,
	REFUSAL_MIN_FREE,

	/* Resources */
	REFUSAL_DISK_FULL,
	REFUSAL_QUOTA,
	REFUSAL_TOO_LARGE,	/* for the file system */
	REFUSAL_MEMORY,
	REFUSAL_FILES,		/* too many open files */
	REFUSAL_IO,
	REFUSAL_SLOW,		/* a disk takes longer than the host waits */
	REFUSAL_NOT_DURABLE,	/* in place, but its directory may not be on the disk */

	/* This daemon */
	REFUSAL_STOPPED,	/* it stops */
	REFUSAL_DEVICE,		/* it lost the device */
	REFUSAL_OTHER,		/* an errno that has no entry of its own */

	REFUSAL_COUNT
};

#define FAILURE_DETAIL 1024

/** A refusal with everything that its log line says */
struct failure {
	enum refusal refusal;
	int error;			/* the errno behind it, positive; 0: none */
	char detail[FAILURE_DETAIL];	/* what it concerns; "": nothing to add */
};

/**
 * fail() - fill in @failure
 * @format: printf(3) format of the detail: a place, a rule, a number of bytes
 *
 * Returns @refusal, so that a caller can fill in and return in one statement.
 */
enum refusal fail(struct failure *failure, enum refusal refusal, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * fail_errno() - fill in @failure for a system call that failed
 * @error: errno, positive
 *
 * Returns the refusal that this errno means.
 */
enum refusal fail_errno(struct failure *failure, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * refusal_words() - return the reason for a log line, such as "the file exists"
 */
const char *refusal_words(enum refusal refusal);

/** refusal_token() - return one word for programs, such as "exists" */
const char *refusal_token(enum refusal refusal);

/** failure_text() - write words, detail and errno of @failure into @text */
void failure_text(const struct failure *failure, char *text, size_t size);

#endif
