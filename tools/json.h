/* SPDX-License-Identifier: GPL-2.0-only */
/* Build, read and print the JSON of vmbusctl: vmbusctl(8) lists the keys. */
#ifndef HVUIO_JSON_H
#define HVUIO_JSON_H

#include <json-c/json.h>
#include <stdint.h>

#include "memory.h"

/* Add a member to an object. NULL, "" and a negative number become null. */
void json_string(struct json_object *object, const char *key, const char *value);
void json_number(struct json_object *object, const char *key, int64_t value);
void json_list(struct json_object *object, const char *key, const struct strings *strings);

/* Add a number of bytes. 0 stands for an unknown number, and becomes null. */
void json_bytes(struct json_object *object, const char *key, uint64_t bytes);

/* Return a member of an object: "" or -1 if it, or the object, is null. */
const char *json_get_string(struct json_object *object, const char *key);
int64_t json_get_number(struct json_object *object, const char *key);

/*
 * Return a member as a new string for people: "" for null, yes or no for a
 * boolean, and the items of a list with commas between them.
 */
char *json_text(struct json_object *object, const char *key);

/* Print a value. @flags is JSON_C_TO_STRING_PRETTY, or _PLAIN for one line. */
void json_print(struct json_object *value, int flags);

#endif
