// SPDX-License-Identifier: GPL-2.0-only
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "memory.h"

#define GAP "  "

struct cell {
	char *text;
	enum colour colour;
};

struct table {
	const struct column *columns;
	size_t width;	/* columns of a row */
	size_t *widths; /* characters of each column; 0: not shown */
	bool is_complete;
	struct cell *cells;
	size_t count;
};

struct table *table_new(const struct column *columns, bool is_complete)
{
	struct table *table = need(calloc(1, sizeof(*table)));

	table->columns = columns;
	table->is_complete = is_complete;
	while (columns[table->width].header)
		table->width++;
	table->widths = need(calloc(table->width, sizeof(*table->widths)));
	return table;
}

void table_free(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table->widths);
	free(table);
}

void table_cell(struct table *table, enum colour colour, const char *format, ...)
{
	struct cell *cell;
	va_list args;

	table->cells = need(reallocarray(table->cells, table->count + 1, sizeof(*table->cells)));
	cell = &table->cells[table->count++];
	cell->colour = colour;
	va_start(args, format);
	if (vasprintf(&cell->text, format, args) < 0)
		cell->text = need(NULL);
	va_end(args);
}

static bool is_shown(const struct table *table, size_t column)
{
	if (table->columns[column].when == ALWAYS)
		return true;
	for (size_t i = column; i < table->count; i += table->width)
		if (table->cells[i].text[0])
			return true;
	return false;
}

static size_t width_of(const struct table *table, size_t column)
{
	size_t width = strlen(table->columns[column].header);

	for (size_t i = column; i < table->count; i += table->width) {
		size_t len = strlen(table->cells[i].text);

		if (len > width)
			width = len;
	}
	return width;
}

/*
 * Print one cell. Colour sequences do not count as width. The last column is
 * not padded.
 */
static void print_cell(FILE *stream, const char *text, enum colour colour, bool right, size_t width,
		       bool last)
{
	size_t len = strlen(text), fill = width > len ? width - len : 0;

	if (right)
		fprintf(stream, "%*s", (int)fill, "");
	fprintf(stream, "%s%s%s", colour_on(stream, colour), text, colour_off(stream, colour));
	if (!right && !last)
		fprintf(stream, "%*s", (int)fill, "");
	if (!last)
		fputs(GAP, stream);
}

static size_t room(FILE *stream)
{
	struct winsize size;

	return isatty(fileno(stream)) && !ioctl(fileno(stream), TIOCGWINSZ, &size) && size.ws_col ?
		       size.ws_col :
		       80;
}

/* Choose the columns that fit. Return the last one. */
static size_t choose_columns(struct table *table, FILE *stream)
{
	size_t total = 0, last = 0, first;

	for (size_t c = 0; c < table->width; c++) {
		table->widths[c] = is_shown(table, c) ? width_of(table, c) : 0;
		total += table->widths[c] ? table->widths[c] + strlen(GAP) : 0;
	}
	while (!table->is_complete && total > room(stream) + strlen(GAP)) {
		first = table->width;
		for (size_t c = 0; c < table->width; c++)
			if (table->widths[c] && table->columns[c].drop &&
			    (first == table->width ||
			     table->columns[c].drop > table->columns[first].drop))
				first = c;
		if (first == table->width)
			break;
		total -= table->widths[first] + strlen(GAP);
		table->widths[first] = 0;
	}
	for (size_t c = 0; c < table->width; c++)
		if (table->widths[c])
			last = c;
	return last;
}

void table_print(struct table *table, FILE *stream)
{
	const size_t last = choose_columns(table, stream);

	for (size_t c = 0; c < table->width; c++)
		if (table->widths[c])
			print_cell(stream, table->columns[c].header, COLOUR_HEADER,
				   table->columns[c].align == RIGHT, table->widths[c], c == last);
	fputc('\n', stream);
	for (size_t i = 0; i + table->width <= table->count; i += table->width) {
		for (size_t c = 0; c < table->width; c++) {
			const struct cell *cell = &table->cells[i + c];

			if (table->widths[c])
				print_cell(stream, cell->text[0] ? cell->text : "-", cell->colour,
					   table->columns[c].align == RIGHT, table->widths[c],
					   c == last);
		}
		fputc('\n', stream);
	}
}
