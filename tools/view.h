/* SPDX-License-Identifier: GPL-2.0-only */
/* What a command of vmbusctl reads and shows */
#ifndef HVUIO_VIEW_H
#define HVUIO_VIEW_H

#include <json-c/json.h>

#include "engine.h"

struct view {
	struct engine engine;
	bool *chosen; /* for each device of the machine */
};

/*
 * Read the machine and the rules. Return 0, or EXIT_NO_VMBUS or EXIT_FAILED
 * after a message. Call view_free() in every case.
 */
int view_read(struct view *view);
void view_free(struct view *view);

/*
 * Add a description of each chosen device to an array, except of those that the
 * host has rescinded. Return 0, or EXIT_FAILED if something cannot be read,
 * after a message.
 */
int view_describe(struct view *view, struct json_object *list);

/*
 * Return how many digits of the instance GUIDs tell the devices apart, at least
 * eight.
 */
int view_digits(const struct view *view);

#endif
