/* SPDX-License-Identifier: GPL-2.0-only */
/* Print a table of text with aligned columns. */
#ifndef HVUIO_TABLE_H
#define HVUIO_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "colour.h"

struct column {
	const char *header;
	enum { LEFT, RIGHT } align;
	/*
	 * A column IF_USED is shown only if a cell of it is not empty. If the
	 * table is wider than the terminal, the columns with the highest number
	 * go first; 0: never.
	 */
	enum { ALWAYS, IF_USED } when;
	int drop;
};

struct table;

/*
 * Start a table. @columns ends with a column that has no header, and must
 * outlive the table. If @is_complete, the table has every column, even if the
 * terminal is narrow; otherwise it fits, or 80 columns if there is no terminal.
 */
struct table *table_new(const struct column *columns, bool is_complete);
void table_free(struct table *table);

/* Add the next cell of the current row. An empty cell is shown as "-". */
void table_cell(struct table *table, enum colour colour, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Print the table, without trailing blanks. */
void table_print(struct table *table, FILE *stream);

#endif
