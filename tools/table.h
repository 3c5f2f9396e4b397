/* SPDX-License-Identifier: GPL-2.0-only */
/* Print JSON objects as a table with aligned columns, in colours. */
#ifndef HVUIO_TABLE_H
#define HVUIO_TABLE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

/* Colours for output to a terminal */
enum colour { COLOUR_NONE, COLOUR_HEADER, COLOUR_GOOD, COLOUR_WARNING, COLOUR_BAD };

/*
 * Return the sequence that switches a colour on or off. Both return "" if the
 * stream is not a terminal, if TERM is "dumb", or if the environment variable
 * NO_COLOR is not empty (https://no-color.org).
 */
const char *colour_on(FILE *stream, enum colour colour);
const char *colour_off(FILE *stream, enum colour colour);

struct column {
	const char *header;
	const char *key; /* of the objects */
	enum { LEFT, RIGHT } align;
	/*
	 * A column IF_USED is shown only if one of its cells is not empty. If
	 * the table is wider than the terminal, table_print() leaves out the
	 * columns with the highest number first, and never one with 0.
	 */
	enum { ALWAYS, IF_USED } when;
	int drop;
	/*
	 * NULL if the column shows the value of the key. Otherwise this
	 * function returns the text of a cell as a new string, and sets its
	 * colour. @row is the object, and @key that of the column.
	 */
	char *(*cell)(struct json_object *row, const char *key, enum colour *colour);
};

/*
 * Print a line for each object of an array. @columns ends with a column that
 * has no header. An empty cell is shown as "-". The table fits the terminal, or
 * 80 columns if there is none, and a cell that is a GUID has only @digits
 * digits; 0: the table has every column and all digits.
 */
void table_print(const struct column *columns, struct json_object *rows, int digits, FILE *stream);

#endif
