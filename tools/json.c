// SPDX-License-Identifier: GPL-2.0-only
#include "json.h"

#include <stdio.h>

void json_string(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, value && *value ? json_object_new_string(value) : NULL);
}

void json_number(struct json_object *object, const char *key, int64_t value)
{
	json_object_object_add(object, key, value >= 0 ? json_object_new_int64(value) : NULL);
}

void json_list(struct json_object *object, const char *key, const struct strings *strings)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < strings->count; i++)
		json_object_array_add(list, json_object_new_string(strings->items[i]));
	json_object_object_add(object, key, list);
}

static void print(struct json_object *value, int flags)
{
	puts(need((char *)json_object_to_json_string_ext(value,
							 flags | JSON_C_TO_STRING_NOSLASHESCAPE)));
	json_object_put(value);
}

void json_print(struct json_object *value)
{
	print(value, JSON_C_TO_STRING_PRETTY);
}

void json_print_line(struct json_object *value)
{
	print(value, JSON_C_TO_STRING_PLAIN);
}
