// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "refusal.h"

static const struct {
	const char *token;
	const char *words;
} table[REFUSAL_COUNT] = {
	[REFUSAL_NONE] = { "none", "nothing is wrong" },
	[REFUSAL_MESSAGE] = { "message",
			      "the host sent a message with impossible lengths or offsets" },
	[REFUSAL_UNKNOWN] = { "unknown",
			      "the host sent a message that this version does not know" },
	[REFUSAL_VERSION] = { "version", "no version was agreed with the host" },
	[REFUSAL_NO_COPY] = { "no-copy", "no copy is active" },
	[REFUSAL_INCOMPLETE] = { "incomplete", "the host ended the copy before all bytes arrived" },
	[REFUSAL_CANCELLED] = { "cancelled", "the host cancelled the copy" },
	[REFUSAL_IDLE] = { "idle", "the host did not continue the copy in time" },
	[REFUSAL_NAME] = { "name", "the name is not acceptable" },
	[REFUSAL_NAME_TOO_LONG] = { "name-too-long", "the name is too long" },
	[REFUSAL_MISSING] = { "missing", "a directory does not exist" },
	[REFUSAL_NOT_DIRECTORY] = { "not-directory", "a part of the path is not a directory" },
	[REFUSAL_DIRECTORY] = { "directory", "a directory has this name" },
	[REFUSAL_EXISTS] = { "exists", "the file exists" },
	[REFUSAL_NOT_FILE] = { "not-file", "the target is neither a file nor a link" },
	[REFUSAL_LINK] = { "link", "a symbolic link in the path is not trusted" },
	[REFUSAL_KERNEL] = { "kernel", "the place belongs to the kernel" },
	[REFUSAL_IMMUTABLE] = { "immutable", "the target is immutable or append-only" },
	[REFUSAL_MOUNT_POINT] = { "mount-point", "another file is mounted on the target" },
	[REFUSAL_ACCESS] = { "access", "access is denied" },
	[REFUSAL_READ_ONLY] = { "read-only", "the file system is read-only" },
	[REFUSAL_BUSY] = { "busy", "the target is in use" },
	[REFUSAL_DISABLED] = { "disabled", "fcopyd.conf allows no copies there (enable=no)" },
	[REFUSAL_RULE] = { "rule", "fcopyd.conf does not allow this place" },
	[REFUSAL_MAX_SIZE] = { "max-size", "the file is larger than max-size in fcopyd.conf" },
	[REFUSAL_MAX_TOTAL] = { "max-total",
				"the place would hold more bytes than max-total in fcopyd.conf" },
	[REFUSAL_MAX_FILES] = { "max-files",
				"the place would hold more files than max-files in fcopyd.conf" },
	[REFUSAL_MIN_FREE] = { "min-free",
			       "the file would leave less room than min-free in fcopyd.conf" },
	[REFUSAL_DISK_FULL] = { "disk-full", "the disk is full" },
	[REFUSAL_QUOTA] = { "quota", "the disk quota is exceeded" },
	[REFUSAL_TOO_LARGE] = { "too-large", "the file is too large for the file system" },
	[REFUSAL_MEMORY] = { "memory", "there is not enough memory" },
	[REFUSAL_FILES] = { "files", "too many files are open" },
	[REFUSAL_IO] = { "io", "the disk reported an error" },
	[REFUSAL_SLOW] = { "slow", "the disk takes too long" },
	[REFUSAL_NOT_DURABLE] = { "not-durable",
				  "the file is in place, but a power loss may undo that: "
				  "its directory could not be synced" },
	[REFUSAL_STOPPED] = { "stopped", "hv-fcopyd is stopping" },
	[REFUSAL_DEVICE] = { "device", "the device was lost" },
	[REFUSAL_OTHER] = { "other", "a system call failed" },
};

static enum refusal refusal_of(int error)
{
	switch (error) {
	case EEXIST:
		return REFUSAL_EXISTS;
	case ENOENT:
		return REFUSAL_MISSING;
	case ENOTDIR:
		return REFUSAL_NOT_DIRECTORY;
	case EISDIR:
		return REFUSAL_DIRECTORY;
	case ENAMETOOLONG:
		return REFUSAL_NAME_TOO_LONG;
	case EILSEQ:
		return REFUSAL_NAME;
	case ELOOP:
		return REFUSAL_LINK;
	case EACCES:
	case EPERM:
		return REFUSAL_ACCESS;
	case EROFS:
		return REFUSAL_READ_ONLY;
	case EBUSY:
	case ETXTBSY:
		return REFUSAL_BUSY;
	case ENOSPC:
		return REFUSAL_DISK_FULL;
	case EDQUOT:
		return REFUSAL_QUOTA;
	case EFBIG:
	case EOVERFLOW:
		return REFUSAL_TOO_LARGE;
	case ENOMEM:
		return REFUSAL_MEMORY;
	case EMFILE:
	case ENFILE:
		return REFUSAL_FILES;
	case EIO:
		return REFUSAL_IO;
	default:
		return REFUSAL_OTHER;
	}
}

static void __attribute__((format(printf, 4, 0)))
fill(struct failure *failure, enum refusal refusal, int error, const char *format, va_list args)
{
	failure->refusal = refusal;
	failure->error = error;
	vsnprintf(failure->detail, sizeof(failure->detail), format, args);
}

enum refusal refusal_set(struct failure *failure, enum refusal refusal, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fill(failure, refusal, 0, format, args);
	va_end(args);
	return refusal;
}

enum refusal fail_errno(struct failure *failure, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fill(failure, refusal_of(error), error, format, args);
	va_end(args);
	return failure->refusal;
}

const char *refusal_words(enum refusal refusal)
{
	return table[refusal].words;
}

const char *refusal_token(enum refusal refusal)
{
	return table[refusal].token;
}

void failure_text(const struct failure *failure, char *text, size_t size)
{
	/* The words of these refusals do not imply the errno. */
	bool unclear = failure->refusal == REFUSAL_OTHER ||
		       failure->refusal == REFUSAL_NOT_DURABLE ||
		       failure->refusal == REFUSAL_DEVICE;

	snprintf(text, size, "%s%s%s%s%s", refusal_words(failure->refusal),
		 failure->detail[0] ? ": " : "", failure->detail,
		 unclear && failure->error ? ": " : "",
		 unclear && failure->error ? strerror(failure->error) : "");
}
