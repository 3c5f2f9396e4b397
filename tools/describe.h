/* SPDX-License-Identifier: GPL-2.0-only */
/* Show devices as tables and as JSON. */
#ifndef HVUIO_DESCRIBE_H
#define HVUIO_DESCRIBE_H

#include <json-c/json.h>

#include "rule.h"
#include "view.h"

/*
 * Each function skips the devices that are not chosen, and prints nothing if no
 * line remains. If @is_complete, instances have all digits, and a narrow
 * terminal hides no column.
 */
void describe_devices(const struct view *view, bool is_complete);
void describe_channels(const struct view *view, bool is_complete);
void describe_maps(const struct view *view, bool is_complete);

/* Return an object with everything about device @index. */
struct json_object *describe_json(const struct view *view, size_t index);

/*
 * Format a number of bytes as "20 KiB", or as "100 B" if it is not a multiple
 * of 1024. Zero becomes "".
 */
#define SIZE_TEXT 24
const char *describe_size(uint64_t bytes, char text[SIZE_TEXT]);

#endif
