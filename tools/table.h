/* SPDX-License-Identifier: GPL-2.0-only */
/* A table of text with aligned columns. */
#ifndef HVUIO_TABLE_H
#define HVUIO_TABLE_H

#include <stdio.h>

#include "colour.h"

struct column {
	const char *header;
	enum { LEFT, RIGHT } align;
	enum { ALWAYS, IF_USED } when;	/* IF_USED: left out when every cell of it is empty */
};

struct table;

/*
 * columns: ends with a column that has no header; must outlive the table. Out
 * of memory: exits.
 */
struct table *table_new(const struct column *columns);
void table_free(struct table *table);

/* Add the next cell of the current row. An empty cell is shown as "-". */
void table_cell(struct table *table, enum colour colour, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Print the table. A line has no blanks at its end. */
void table_print(const struct table *table, FILE *stream);

#endif
