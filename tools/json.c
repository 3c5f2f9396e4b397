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

void json_bytes(struct json_object *object, const char *key, uint64_t bytes)
{
	json_number(object, key, bytes ? (int64_t)bytes : -1);
}

const char *json_get_string(struct json_object *object, const char *key)
{
	struct json_object *value = json_object_object_get(object, key);

	return value ? json_object_get_string(value) : "";
}

int64_t json_get_number(struct json_object *object, const char *key)
{
	struct json_object *value = json_object_object_get(object, key);

	return value ? json_object_get_int64(value) : -1;
}

char *json_text(struct json_object *object, const char *key)
{
	struct json_object *value = json_object_object_get(object, key);
	struct strings items = { 0 };
	char *text;

	if (json_object_is_type(value, json_type_boolean))
		return need_strdup(json_object_get_boolean(value) ? "yes" : "no");
	if (!json_object_is_type(value, json_type_array))
		return need_strdup(value ? json_object_get_string(value) : "");
	for (size_t i = 0; i < json_object_array_length(value); i++)
		strings_take(&items, need_strdup(json_object_get_string(
					     json_object_array_get_idx(value, i))));
	text = strings_join(&items, ",");
	strings_free(&items);
	return text;
}

void json_print(struct json_object *value, int flags)
{
	puts(need((char *)json_object_to_json_string_ext(value,
							 flags | JSON_C_TO_STRING_NOSLASHESCAPE)));
}
