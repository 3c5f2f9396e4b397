/* SPDX-License-Identifier: GPL-2.0-only */
/* Find what is wrong with the machine, and the command that fixes it. */
#ifndef HVUIO_DOCTOR_H
#define HVUIO_DOCTOR_H

#include "rule.h"
#include "view.h"

enum severity {
	SEVERITY_OK,
	SEVERITY_NOTE,		/* worth knowing; needs no fix */
	SEVERITY_WARNING,	/* will fail later, or in other circumstances */
	SEVERITY_PROBLEM,	/* does not work now */
};

struct doctor_finding {
	enum severity severity;
	const char *check;	/* the part of the machine, such as "headers"; a stable word */
	char *text;		/* one sentence without a full stop */
	char *fix;		/* a command; NULL: needs no fix */
};

struct diagnosis {
	struct view view;
	struct plan *plans;	/* one for each device */
	char *release;		/* of the running kernel */
	struct doctor_finding *findings;
	size_t count;
};

/* Add a finding that needs no fix: SEVERITY_OK or SEVERITY_NOTE. */
void doctor_report(struct diagnosis *diagnosis, enum severity severity, const char *check,
		   const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Add a finding and the command that fixes it. @fix is a new string, which then
 * belongs to the finding.
 */
void doctor_complain(struct diagnosis *diagnosis, enum severity severity, const char *check,
		     char *fix, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Return the plan for a device. */
const struct plan *doctor_plan(const struct diagnosis *diagnosis, const struct device *device);

/*
 * Return a new string: a word for the command line of a shell. It has quotes if
 * the text needs them.
 */
char *doctor_word(const char *text);

/* Each function checks one part of the machine. */
void doctor_vmbus(struct diagnosis *diagnosis);
void doctor_module(struct diagnosis *diagnosis);
void doctor_headers(struct diagnosis *diagnosis);
void doctor_secure_boot(struct diagnosis *diagnosis);
void doctor_configuration(struct diagnosis *diagnosis);
void doctor_devices(struct diagnosis *diagnosis);
void doctor_guest_service(struct diagnosis *diagnosis);
void doctor_initramfs(struct diagnosis *diagnosis);
void doctor_driverctl(struct diagnosis *diagnosis);

/*
 * Return whether the source of our module is installed for dkms; *version, if
 * not NULL, is a new string or NULL.
 */
bool doctor_has_dkms_source(char **version);

/*
 * Find a process by the first 15 characters of its name, because the kernel
 * keeps no more. Return its number as a new string, or NULL.
 */
char *doctor_process(const char *name);

/*
 * Return a new string: the path of our module, or of the kernel's own, for a
 * kernel; NULL if that kernel has none.
 */
char *doctor_our_module(const char *release);
char *doctor_own_module(const char *release);

/* Return whether our module is loaded, and not the kernel's own. */
bool doctor_is_ours_loaded(void);

#endif
