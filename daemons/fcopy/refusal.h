/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_REFUSAL_H
#define FCOPY_REFUSAL_H

#include <stddef.h>
#include <stdint.h>

/*
 * The reasons for which the daemon refuses a copy, or for which a copy fails.
 * hresult_of() maps each reason to the code that the host gets, and
 * refusal_words() maps it to words.
 */
enum refusal {
	REFUSAL_NONE, /* nothing is wrong */

	/* The host */
	REFUSAL_MESSAGE,    /* a message with impossible lengths or offsets */
	REFUSAL_UNKNOWN,    /* a message or operation that this daemon does not know */
	REFUSAL_VERSION,    /* no version has been negotiated */
	REFUSAL_NO_COPY,    /* WRITE or COMPLETE while no copy is active */
	REFUSAL_INCOMPLETE, /* COMPLETE before all announced bytes arrived */
	REFUSAL_CANCELLED,  /* the host cancelled the copy, or started another one */
	REFUSAL_IDLE,	    /* the host has not continued the copy for too long */
	REFUSAL_NAME,	    /* a file name or destination that is not acceptable */
	REFUSAL_NAME_TOO_LONG,

	/* The destination */
	REFUSAL_MISSING,       /* a directory does not exist */
	REFUSAL_NOT_DIRECTORY, /* a component of the path is not a directory */
	REFUSAL_DIRECTORY,     /* the target is a directory, or a link to one */
	REFUSAL_EXISTS,	       /* the target exists, and the host did not use -Force */
	REFUSAL_NOT_FILE,      /* the target is a socket, a pipe or a device */
	REFUSAL_LINK,	       /* a symbolic link that the daemon does not follow */
	REFUSAL_KERNEL,	       /* /proc, /sys, /dev or a file system of the kernel */
	REFUSAL_IMMUTABLE,     /* the target or its directory is immutable or append-only */
	REFUSAL_MOUNT_POINT,   /* another file is mounted on the target */
	REFUSAL_ACCESS,	       /* the kernel denies access */
	REFUSAL_READ_ONLY,     /* the file system is mounted read-only */
	REFUSAL_BUSY,

	/* fcopyd.conf(5) */
	REFUSAL_DISABLED, /* enable=no */
	REFUSAL_RULE,	  /* no section covers the target */
	REFUSAL_MAX_SIZE,
	REFUSAL_MAX_TOTAL,
	REFUSAL_MAX_FILES,
	REFUSAL_MIN_FREE,

	/* Resources */
	REFUSAL_DISK_FULL,
	REFUSAL_QUOTA,
	REFUSAL_TOO_LARGE, /* for the file system */
	REFUSAL_MEMORY,
	REFUSAL_FILES, /* too many open files */
	REFUSAL_IO,
	REFUSAL_SLOW,	     /* a disk takes longer than the host waits */
	REFUSAL_NOT_DURABLE, /* in place, but its directory may not be on the disk */

	/* This daemon */
	REFUSAL_STOPPED, /* the daemon stops */
	REFUSAL_DEVICE,	 /* the daemon lost the device */
	REFUSAL_OTHER,	 /* an errno without an entry of its own */

	REFUSAL_COUNT
};

#define FAILURE_DETAIL 1024

/** A refusal with everything that its line in the log contains */
struct failure {
	enum refusal refusal;
	int error;		     /* the positive errno that caused it, or 0 */
	char detail[FAILURE_DETAIL]; /* what it concerns, or "" */
};

/**
 * refusal_set() - fill in @failure
 * @format: the printf(3) format of the detail, such as a place, a rule, or a
 *	number of bytes
 *
 * Returns @refusal, so that a caller needs only one statement.
 */
enum refusal refusal_set(struct failure *failure, enum refusal refusal, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * fail_errno() - fill in @failure for a system call that failed
 * @error: the positive errno
 *
 * Returns the refusal that belongs to this errno.
 */
enum refusal fail_errno(struct failure *failure, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * refusal_words() - return the reason for a log line, such as "the file exists"
 */
const char *refusal_words(enum refusal refusal);

/** refusal_token() - return one word for programs, such as "exists" */
const char *refusal_token(enum refusal refusal);

/**
 * hresult_of() - return the code that the host gets for @refusal
 *
 * The result is VMBUS_S_OK for REFUSAL_NONE, and VMBUS_E_FAIL where no code of
 * Win32 fits.
 */
uint32_t hresult_of(enum refusal refusal);

/** failure_text() - write words, detail and errno of @failure into @text */
void failure_text(const struct failure *failure, char *text, size_t size);

#endif
