/* SPDX-License-Identifier: GPL-2.0-only */
/* Print a table of text with aligned columns. */
#ifndef HVUIO_TABLE_H
#define HVUIO_TABLE_H

#include <stdio.h>

#include "colour.h"

struct column {
	const char *header;
	enum { LEFT, RIGHT } align;
	enum { ALWAYS, IF_USED } when;	/* IF_USED: only if a cell is not empty */
};

struct table;

/*
 * Start a table. @columns ends with a column that has no header, and must
 * outlive the table.
 */
struct table *table_new(const struct column *columns);
void table_free(struct table *table);

/* Add the next cell of the current row. An empty cell is shown as "-". */
void table_cell(struct table *table, enum colour colour, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Print the table, without trailing blanks. */
void table_print(const struct table *table, FILE *stream);

#endif
