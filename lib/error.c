// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only

#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

static _Thread_local char message[512] = "no error";

int fail(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	return err;
}

const char *vmbus_error(void)
{
	return message;
}

const char *vmbus_version(void)
{
	return HYPERV_UIO_VERSION;
}
