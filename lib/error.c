// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

static const char no_text[] = "no text: the error number says what failed";
static _Thread_local char message[512] = "";

int fail(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	return err;
}

void no_failure(void)
{
	message[0] = '\0';
}

const char *error_text(void)
{
	return message[0] ? message : no_text;
}

const char *vmbus_error(void)
{
	static _Thread_local char taken[sizeof(message)];

	memcpy(taken, error_text(), strlen(error_text()) + 1);
	no_failure();
	return taken;
}

const char *vmbus_version(void)
{
	return HYPERV_UIO_VERSION;
}
