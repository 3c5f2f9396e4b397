/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Describe devices: a JSON object has everything about a device, and the tables
 * show parts of such objects.
 */
#ifndef HVUIO_DESCRIBE_H
#define HVUIO_DESCRIBE_H

#include <json-c/json.h>

#include "engine.h"
#include "table.h"

/* Return an object with everything about a device. */
struct json_object *describe_device(const struct engine *engine, struct device *device);

/*
 * Return an array with the channels of a device, the primary channel first. If
 * @ring_bytes is 0, the size of a ring is not known. Set *@data_bytes to the
 * capacity of one direction; 0: not known.
 */
struct json_object *describe_channels(const struct device *device, uint64_t ring_bytes,
				      uint64_t *data_bytes);

/*
 * Add a description of each chosen device to an array, except of those that the
 * host has rescinded. Return 0, or EXIT_FAILED if something cannot be read,
 * after a message.
 */
int describe_chosen(struct engine *engine, struct json_object *list);

/*
 * Return how many digits of the instance GUIDs tell the devices apart, at least
 * eight.
 */
int describe_digits(const struct machine *machine);

/* Print an array of devices as a table; @digits as for table_print(). */
void describe_table(struct json_object *devices, int digits, FILE *stream);

/*
 * Print the channels, the UIO devices and the maps of an array of devices as
 * tables; a table without a line is left out.
 */
void describe_tables(struct json_object *devices, int digits);

/* Return the colour of the outcome of a rule. */
enum colour describe_outcome_colour(const char *outcome);

/* Make cells of a table; see struct column. */
char *describe_class_cell(struct json_object *row, const char *key, enum colour *colour);

/*
 * Return a number of bytes as a new string: "20 KiB", or "100 B" if it is not a
 * multiple of 1024; "" for 0 and for -1.
 */
char *describe_size(int64_t bytes);

#endif
