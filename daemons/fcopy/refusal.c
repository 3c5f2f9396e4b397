// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <vmbus_bufring.h>

#include "refusal.h"

/* Codes of Win32: Windows shows their texts. */
enum {
	ERROR_PATH_NOT_FOUND = 3,
	ERROR_TOO_MANY_OPEN_FILES = 4,
	ERROR_ACCESS_DENIED = 5,
	ERROR_NOT_ENOUGH_MEMORY = 8,
	ERROR_INVALID_DATA = 13,
	ERROR_WRITE_PROTECT = 19,
	ERROR_NOT_SUPPORTED = 50,
	ERROR_FILE_EXISTS = 80,
	ERROR_INVALID_PARAMETER = 87,
	ERROR_DISK_FULL = 112,
	ERROR_INVALID_NAME = 123,
	ERROR_BUSY = 170,
	ERROR_FILENAME_EXCED_RANGE = 206,
	ERROR_FILE_TOO_LARGE = 223,
	ERROR_DIRECTORY_NOT_SUPPORTED = 336,
	ERROR_IO_DEVICE = 1117,
	ERROR_DEVICE_NOT_CONNECTED = 1167,
	ERROR_REQUEST_ABORTED = 1235,
	ERROR_ACCESS_DISABLED_BY_POLICY = 1260,
	ERROR_TIMEOUT = 1460,
	ERROR_NOT_ENOUGH_QUOTA = 1816,
	ERROR_CANT_RESOLVE_FILENAME = 1921,
	ERROR_INVALID_STATE = 5023,
};

static const struct {
	const char *token;
	unsigned int code;
	const char *words;
} table[REFUSAL_COUNT] = {
	[REFUSAL_NONE] = { "none", 0, "nothing is wrong" },
	[REFUSAL_MESSAGE] = { "message", ERROR_INVALID_PARAMETER,
			      "the host sent a message with impossible lengths or offsets" },
	[REFUSAL_UNKNOWN] = { "unknown", ERROR_NOT_SUPPORTED,
			      "the host sent a message that this version does not know" },
	[REFUSAL_VERSION] = { "version", ERROR_DEVICE_NOT_CONNECTED,
			      "no version was agreed with the host" },
	[REFUSAL_NO_COPY] = { "no-copy", ERROR_INVALID_STATE, "no copy is active" },
	[REFUSAL_INCOMPLETE] = { "incomplete", ERROR_INVALID_DATA,
				 "the host ended the copy before all bytes arrived" },
	[REFUSAL_CANCELLED] = { "cancelled", ERROR_REQUEST_ABORTED, "the host cancelled the copy" },
	[REFUSAL_IDLE] = { "idle", ERROR_TIMEOUT, "the host did not continue the copy in time" },
	[REFUSAL_NAME] = { "name", ERROR_INVALID_NAME, "the name is not acceptable" },
	[REFUSAL_NAME_TOO_LONG] = { "name-too-long", ERROR_FILENAME_EXCED_RANGE,
				    "the name is too long" },
	[REFUSAL_MISSING] = { "missing", ERROR_PATH_NOT_FOUND, "a directory does not exist" },
	[REFUSAL_NOT_DIRECTORY] = { "not-directory", ERROR_PATH_NOT_FOUND,
				    "a part of the path is not a directory" },
	[REFUSAL_DIRECTORY] = { "directory", ERROR_DIRECTORY_NOT_SUPPORTED,
				"a directory has this name" },
	[REFUSAL_EXISTS] = { "exists", ERROR_FILE_EXISTS, "the file exists" },
	[REFUSAL_NOT_FILE] = { "not-file", ERROR_ACCESS_DENIED,
			       "the target is neither a file nor a link" },
	[REFUSAL_LINK] = { "link", ERROR_CANT_RESOLVE_FILENAME,
			   "a symbolic link in the path is not trusted" },
	[REFUSAL_KERNEL] = { "kernel", ERROR_ACCESS_DENIED, "the place belongs to the kernel" },
	[REFUSAL_IMMUTABLE] = { "immutable", ERROR_ACCESS_DENIED,
				"the target is immutable or append-only" },
	[REFUSAL_MOUNT_POINT] = { "mount-point", ERROR_BUSY,
				  "another file is mounted on the target" },
	[REFUSAL_ACCESS] = { "access", ERROR_ACCESS_DENIED, "access is denied" },
	[REFUSAL_READ_ONLY] = { "read-only", ERROR_WRITE_PROTECT, "the file system is read-only" },
	[REFUSAL_BUSY] = { "busy", ERROR_BUSY, "the target is in use" },
	[REFUSAL_DISABLED] = { "disabled", ERROR_ACCESS_DISABLED_BY_POLICY,
			       "fcopyd.conf allows no copies there (enable=no)" },
	[REFUSAL_RULE] = { "rule", ERROR_ACCESS_DENIED, "fcopyd.conf does not allow this place" },
	[REFUSAL_MAX_SIZE] = { "max-size", ERROR_FILE_TOO_LARGE,
			       "the file is larger than max-size in fcopyd.conf" },
	[REFUSAL_MAX_TOTAL] = { "max-total", ERROR_NOT_ENOUGH_QUOTA,
				"the place would hold more bytes than max-total in fcopyd.conf" },
	[REFUSAL_MAX_FILES] = { "max-files", ERROR_NOT_ENOUGH_QUOTA,
				"the place would hold more files than max-files in fcopyd.conf" },
	[REFUSAL_MIN_FREE] = { "min-free", ERROR_DISK_FULL,
			       "the file would leave less room than min-free in fcopyd.conf" },
	[REFUSAL_DISK_FULL] = { "disk-full", ERROR_DISK_FULL, "the disk is full" },
	[REFUSAL_QUOTA] = { "quota", ERROR_NOT_ENOUGH_QUOTA, "the disk quota is exceeded" },
	[REFUSAL_TOO_LARGE] = { "too-large", ERROR_FILE_TOO_LARGE,
				"the file is too large for the file system" },
	[REFUSAL_MEMORY] = { "memory", ERROR_NOT_ENOUGH_MEMORY, "there is not enough memory" },
	[REFUSAL_FILES] = { "files", ERROR_TOO_MANY_OPEN_FILES, "too many files are open" },
	[REFUSAL_IO] = { "io", ERROR_IO_DEVICE, "the disk reported an error" },
	[REFUSAL_SLOW] = { "slow", ERROR_TIMEOUT, "the disk takes too long" },
	[REFUSAL_NOT_DURABLE] = { "not-durable", ERROR_IO_DEVICE,
				  "the file is in place, but a power loss may undo that: "
				  "its directory could not be synced" },
	[REFUSAL_STOPPED] = { "stopped", ERROR_REQUEST_ABORTED, "hv-fcopyd is stopping" },
	[REFUSAL_DEVICE] = { "device", ERROR_DEVICE_NOT_CONNECTED, "the device was lost" },
	[REFUSAL_OTHER] = { "other", 0, "a system call failed" },
};

uint32_t hresult_of(enum refusal refusal)
{
	if (refusal == REFUSAL_NONE)
		return VMBUS_S_OK;
	return table[refusal].code ? 0x80070000u | table[refusal].code : VMBUS_E_FAIL;
}

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
