/* SPDX-License-Identifier: GPL-2.0-only */
/* Build and print the JSON of vmbusctl; vmbusctl(8) documents each key. */
#ifndef HVUIO_JSON_H
#define HVUIO_JSON_H

#include <json-c/json.h>
#include <stdint.h>

#include "memory.h"

/* Add a member to an object. NULL, "" and a negative number become null. */
void json_string(struct json_object *object, const char *key, const char *value);
void json_number(struct json_object *object, const char *key, int64_t value);
void json_list(struct json_object *object, const char *key, const struct strings *strings);

/* Print the value and free it. */
void json_print(struct json_object *value);

/* Like json_print(), but in one line. */
void json_print_line(struct json_object *value);

#endif
