// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <vmbus_bufring.h>

#include "status.h"

#define WIN32(code) (0x80070000u | (code))

static const struct {
	int error;
	uint32_t status;
	const char *reason;	/* NULL: strerror() says it well */
} table[] = {
	{ ETIMEDOUT,	WIN32(1460),			/* ERROR_TIMEOUT */
	  "the host has sent nothing of it for too long" },
	{ ECANCELED,	WIN32(1235),	NULL },			/* ERROR_REQUEST_ABORTED */
	{ EEXIST,	WIN32(80),	NULL },			/* ERROR_FILE_EXISTS */
	{ ENOSPC,	WIN32(112),	NULL },			/* ERROR_DISK_FULL */
	{ EDQUOT,	WIN32(112),	NULL },
	{ EACCES,	WIN32(5),	NULL },			/* ERROR_ACCESS_DENIED */
	{ EPERM,	WIN32(5),	NULL },
	{ EROFS,	WIN32(5),	NULL },
	{ EXDEV,	WIN32(5),	"the place belongs to the kernel (/proc, /sys, /dev)" },
	{ ELOOP,	WIN32(5),	"a symbolic link on the way is not root's own, or there are too many" },
	{ EKEYREJECTED,	WIN32(5),	"fcopyd.conf does not allow this directory" },
	{ ESHUTDOWN,	WIN32(1260),	"fcopyd.conf allows no copies" },	/* ERROR_ACCESS_DISABLED_BY_POLICY */
	{ EMSGSIZE,	WIN32(223),	"larger than max-size in fcopyd.conf" },	/* ERROR_FILE_TOO_LARGE */
	{ ENOBUFS,	WIN32(112),	"less room would be left than min-free in fcopyd.conf" },
	{ ENOENT,	WIN32(3),	"no such directory" },	/* ERROR_PATH_NOT_FOUND */
	{ ENOTDIR,	WIN32(3),	NULL },
	{ EILSEQ,	WIN32(123),	"not an acceptable name" },	/* ERROR_INVALID_NAME */
	{ ENAMETOOLONG,	WIN32(206),	NULL },			/* ERROR_FILENAME_EXCED_RANGE */
	{ EISDIR,	WIN32(336),			/* ERROR_DIRECTORY_NOT_SUPPORTED */
	  "is a directory; to copy into it, end the destination with '/'" },
	{ EFBIG,	WIN32(223),	NULL },			/* ERROR_FILE_TOO_LARGE */
	{ EOVERFLOW,	WIN32(223),	NULL },
	{ EINVAL,	WIN32(87),	NULL },			/* ERROR_INVALID_PARAMETER */
	{ EBADMSG,	WIN32(13),	"ended before all its bytes had come" },	/* ERROR_INVALID_DATA */
	{ EBADFD,	WIN32(5023),	"no copy is under way" },	/* ERROR_INVALID_STATE */
	{ ENOTCONN,	WIN32(1167),	"no version was agreed" },	/* ERROR_DEVICE_NOT_CONNECTED */
	{ EOPNOTSUPP,	WIN32(50),	NULL },			/* ERROR_NOT_SUPPORTED */
	{ ENOSYS,	WIN32(50),	NULL },
	{ EIO,		WIN32(1117),	NULL },			/* ERROR_IO_DEVICE */
	{ EBUSY,	WIN32(170),	NULL },			/* ERROR_BUSY */
	{ ETXTBSY,	WIN32(170),	NULL },
	{ ENOMEM,	WIN32(8),	NULL },			/* ERROR_NOT_ENOUGH_MEMORY */
	{ EMFILE,	WIN32(4),	NULL },			/* ERROR_TOO_MANY_OPEN_FILES */
	{ ENFILE,	WIN32(4),	NULL },
};

uint32_t status_from_errno(int error)
{
	if (!error)
		return VMBUS_S_OK;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].error == -error)
			return table[i].status;
	return VMBUS_E_FAIL;
}

const char *status_reason(int error)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].error == -error && table[i].reason)
			return table[i].reason;
	return strerror(-error);
}
