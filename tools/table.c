// SPDX-License-Identifier: GPL-2.0-only
#include "table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "json.h"
#include "vmbus.h"

#define GAP "  "

static bool wanted(FILE *stream)
{
	const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return !(no && *no) && terminal && *terminal && strcmp(terminal, "dumb") &&
	       isatty(fileno(stream));
}

const char *colour_on(FILE *stream, enum colour colour)
{
	static const char *const sequences[] = {
		[COLOUR_NONE] = "",	    [COLOUR_HEADER] = "\033[1m",
		[COLOUR_GOOD] = "\033[32m", [COLOUR_WARNING] = "\033[33m",
		[COLOUR_BAD] = "\033[31m",
	};

	return colour != COLOUR_NONE && wanted(stream) ? sequences[colour] : "";
}

const char *colour_off(FILE *stream, enum colour colour)
{
	return colour != COLOUR_NONE && wanted(stream) ? "\033[0m" : "";
}

struct cell {
	char *text;
	enum colour colour;
};

struct table {
	const struct column *columns;
	size_t width;	    /* columns of a row */
	size_t *widths;	    /* characters of each column; 0: not shown */
	struct cell *cells; /* row after row */
	size_t count;
};

static struct cell make_cell(const struct column *column, struct json_object *row, int digits)
{
	struct cell cell = { .colour = COLOUR_NONE };
	char guid[GUID_SIZE];

	if (column->cell)
		cell.text = column->cell(row, column->key, &cell.colour);
	else
		cell.text = json_text(row, column->key);
	/* A device, or a class without a short name */
	if (digits && strlen(cell.text) > (size_t)digits && !guid_parse(cell.text, guid))
		cell.text[digits] = '\0';
	return cell;
}

/* Return the width of a column, or 0 if it is not shown. */
static size_t width_of(const struct table *table, size_t column)
{
	bool is_shown = table->columns[column].when == ALWAYS;
	size_t width = strlen(table->columns[column].header);

	for (size_t i = column; i < table->count; i += table->width) {
		size_t len = strlen(table->cells[i].text);

		is_shown |= len > 0;
		if (len > width)
			width = len;
	}
	return is_shown ? width : 0;
}

static size_t room(FILE *stream)
{
	struct winsize size;

	return isatty(fileno(stream)) && !ioctl(fileno(stream), TIOCGWINSZ, &size) && size.ws_col ?
		       size.ws_col :
		       80;
}

/* Return the column that goes next, or the number of columns if none may go. */
static size_t first_to_go(const struct table *table)
{
	size_t first = table->width;

	for (size_t c = 0; c < table->width; c++)
		if (table->widths[c] && table->columns[c].drop &&
		    (first == table->width || table->columns[c].drop > table->columns[first].drop))
			first = c;
	return first;
}

/* Choose the columns, as many as fit in @room. */
static void choose_columns(struct table *table, size_t room)
{
	size_t total = 0, c;

	for (c = 0; c < table->width; c++) {
		table->widths[c] = width_of(table, c);
		total += table->widths[c] ? table->widths[c] + strlen(GAP) : 0;
	}
	while (total > room + strlen(GAP) && (c = first_to_go(table)) < table->width) {
		total -= table->widths[c] + strlen(GAP);
		table->widths[c] = 0;
	}
}

/* Print a line without blanks at its end. Colour sequences have no width. */
static void print_line(const struct table *table, const struct cell *cells, FILE *stream)
{
	int fill = 0;

	for (size_t c = 0; c < table->width; c++) {
		const struct column *column = &table->columns[c];
		const char *text = !cells ? column->header : cells[c].text[0] ? cells[c].text : "-";
		const enum colour colour = cells ? cells[c].colour : COLOUR_HEADER;
		const int pad = (int)table->widths[c] - (int)strlen(text);

		if (!table->widths[c])
			continue;
		fprintf(stream, "%*s%s%s%s", fill + (column->align == RIGHT ? pad : 0), "",
			colour_on(stream, colour), text, colour_off(stream, colour));
		fill = (column->align == LEFT ? pad : 0) + (int)strlen(GAP);
	}
	fputc('\n', stream);
}

void table_print(const struct column *columns, struct json_object *rows, int digits, FILE *stream)
{
	const size_t length = json_object_array_length(rows);
	struct table table = { .columns = columns };

	while (columns[table.width].header)
		table.width++;
	table.widths = need(calloc(table.width, sizeof(*table.widths)));
	table.cells = need(calloc(length * table.width + 1, sizeof(*table.cells)));
	for (size_t i = 0; i < length; i++)
		for (size_t c = 0; c < table.width; c++)
			table.cells[table.count++] =
				make_cell(&columns[c], json_object_array_get_idx(rows, i), digits);
	choose_columns(&table, digits ? room(stream) : SIZE_MAX / 2);
	print_line(&table, NULL, stream);
	for (size_t i = 0; i < table.count; i += table.width)
		print_line(&table, &table.cells[i], stream);
	for (size_t i = 0; i < table.count; i++)
		free(table.cells[i].text);
	free(table.cells);
	free(table.widths);
}
