/* SPDX-License-Identifier: GPL-2.0-only */
/* What a command of vmbusctl reads and shows */
#ifndef HVUIO_VIEW_H
#define HVUIO_VIEW_H

#include "details.h"
#include "engine.h"

struct view {
	struct engine engine;
	bool *chosen;		 /* for each device of the machine */
	struct details *details; /* view_read_details() reads those of the chosen */
};

/*
 * Read the machine and, if @with_rules, the rules. Return 0, or EXIT_NO_VMBUS
 * or EXIT_FAILED after a message. Call view_free() in every case.
 */
int view_read(struct view *view, bool with_rules);
void view_free(struct view *view);

/*
 * Read the details of the chosen devices. A device that the host has rescinded
 * is no longer chosen. Return 0, or EXIT_FAILED after a message.
 */
int view_read_details(struct view *view);

/* Return EXIT_FAILED if a device is missing because it cannot be read, or 0. */
int view_status(const struct view *view);

/*
 * Return how many digits of the instance GUIDs tell the devices apart, at least
 * eight.
 */
int view_digits(const struct view *view);

#endif
