/* SPDX-License-Identifier: GPL-2.0-only */
/* Allocate memory. The program exits if there is none left. */
#ifndef HVUIO_MEMORY_H
#define HVUIO_MEMORY_H

#include <stddef.h>
#include <stdlib.h>

/*
 * Return the result of an allocation. If it is NULL, print a message and exit.
 */
void *need(void *memory);

char *need_strdup(const char *text);

/* Like asprintf(), but return the text. */
char *need_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A list of strings that grows */
struct strings {
	char **items;
	size_t count;
};

/* Append a string, which then belongs to the list. */
void strings_take(struct strings *strings, char *text);
void strings_free(struct strings *strings);

/* Sort the list as strcmp() does. */
void strings_sort(struct strings *strings);

/*
 * Return a new string with the items and a separator between them; "" for an
 * empty list.
 */
char *strings_join(const struct strings *strings, const char *separator);

#endif
