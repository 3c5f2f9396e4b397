/* SPDX-License-Identifier: GPL-2.0-only */
/* Warn about rules that have no fault, but are probably mistakes. */
#ifndef HVUIO_LINT_H
#define HVUIO_LINT_H

#include "config.h"
#include "device.h"

/*
 * Add a warning for each section of the administrator that matches no device of
 * this machine. Also add warnings for sections whose device is in use, for
 * users and groups that do not exist, and for links that several devices get.
 * @machine may be NULL on a machine without VMBus.
 */
void lint(struct config *config, struct machine *machine);

#endif
