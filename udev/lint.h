/* SPDX-License-Identifier: GPL-2.0-only */
/* What is probably not meant, though the configuration has no fault. */
#ifndef HVUIO_LINT_H
#define HVUIO_LINT_H

#include "config.h"
#include "facts.h"

/*
 * Add findings that are no faults: a section that matches no device of this
 * machine, a section for a whole class that the guard watches over and that has
 * no force, accounts that do not exist, and one link for several devices. facts
 * may be NULL on a machine without VMBus. 0 or -ENOMEM.
 */
int lint(struct config *config, const struct facts *facts);

#endif
