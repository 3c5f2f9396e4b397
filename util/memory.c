// SPDX-License-Identifier: GPL-2.0-only
#include "memory.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void *need(void *memory)
{
	if (!memory)
		err(EXIT_FAILURE, NULL);
	return memory;
}

char *need_strdup(const char *text)
{
	return need(strdup(text));
}

char *need_printf(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return need(text);
}

void strings_take(struct strings *strings, char *text)
{
	strings->items =
		need(reallocarray(strings->items, strings->count + 1, sizeof(*strings->items)));
	strings->items[strings->count++] = text;
}

void strings_free(struct strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		free(strings->items[i]);
	free(strings->items);
	*strings = (struct strings){ 0 };
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strings_sort(struct strings *strings)
{
	if (strings->count)
		qsort(strings->items, strings->count, sizeof(*strings->items), by_text);
}

char *strings_join(const struct strings *strings, const char *separator)
{
	size_t size = 1;
	char *text, *end;

	for (size_t i = 0; i < strings->count; i++)
		size += strlen(strings->items[i]) + strlen(separator);
	text = end = need(malloc(size));
	*end = '\0';
	for (size_t i = 0; i < strings->count; i++) {
		if (i)
			end = stpcpy(end, separator);
		end = stpcpy(end, strings->items[i]);
	}
	return text;
}
