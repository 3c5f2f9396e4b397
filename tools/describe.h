/* SPDX-License-Identifier: GPL-2.0-only */
/* Show devices as tables and as JSON. */
#ifndef HVUIO_DESCRIBE_H
#define HVUIO_DESCRIBE_H

#include <json-c/json.h>

#include "machine.h"
#include "rule.h"

/*
 * Each function skips the devices that are not chosen, and prints nothing if no
 * line remains.
 */
void describe_devices(const struct machine *machine, const struct rules *rules, const bool *chosen);
void describe_channels(const struct machine *machine, const bool *chosen);
void describe_maps(const struct machine *machine, const bool *chosen);

struct json_object *describe_json(const struct vdevice *device, const struct rules *rules);

/*
 * Format a number of bytes as "20 KiB", or as "100 B" if it is not a multiple
 * of 1024. Zero becomes "".
 */
#define SIZE_TEXT 24
const char *describe_size(uint64_t bytes, char text[SIZE_TEXT]);

#endif
