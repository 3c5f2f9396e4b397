/* SPDX-License-Identifier: GPL-2.0-only */
/* Find why something does not work, and what to do about it. */
#ifndef HVUIO_DOCTOR_H
#define HVUIO_DOCTOR_H

#include <json-c/json.h>

#include "engine.h"

#define PROBLEM "problem" /* does not work now */
#define WARNING "warning" /* will fail later, or in other circumstances */

struct diagnosis {
	struct engine engine;
	struct plan *plans; /* one for each device */
	char *release;	    /* of the running kernel */
	struct json_object *findings;
};

/*
 * Add a finding. @check is the part of the machine, such as "headers", and the
 * text is a sentence without a full stop. @fix is a new string, which the
 * function frees, or NULL if no command repairs it; @see says then where to
 * look.
 */
void doctor_add(struct diagnosis *diagnosis, const char *severity, const char *check, char *fix,
		const char *see, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Each function checks one part of the machine. */
void doctor_module(struct diagnosis *diagnosis);
void doctor_headers(struct diagnosis *diagnosis);

/*
 * Find a process by the first 15 characters of its name, because the kernel
 * keeps no more. Return its number as a new string, or NULL.
 */
char *doctor_process(const char *name);

#endif
