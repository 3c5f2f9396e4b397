// SPDX-License-Identifier: GPL-2.0-only
/* The table for a terminal and as CSV */
#include <string.h>

#include "cell.h"

const char *const kinds[KINDS] = {
	[MESSAGE] = "message", [GPA_DIRECT] = "gpa", [XFER_PAGES] = "xfer"
};

/*
 * Return half of the distance from the lowest to the highest value, in percent
 * of the median.
 */
static double plus_minus(const struct spread *spread)
{
	return 50 * (spread->high - spread->low) / spread->median;
}

#define HAVE_RATIOS (PEERS_END > OURS)

/*
 * Whether a row has a column for the nanoseconds of this contender, or for its
 * ratio, which only ours have
 */
static bool has_column(enum use use, bool ratio, size_t c)
{
	return (!ratio || c < OURS) && contenders[c]->recv[MESSAGE][use];
}

static int width_of(bool ratio)
{
	return ratio ? 12 : 9;
}

/* Print @title above a group of columns. */
static void print_title(const char *title, enum use use, bool ratio)
{
	int columns = 0;

	for (size_t c = 0; c < CONTENDERS; c++)
		columns += has_column(use, ratio, c);
	printf(" |%-*s", columns * width_of(ratio), title);
}

void print_head(int repetitions)
{
	printf("The median of %d repetitions of the nanoseconds for a packet to be sent and received. A ratio says how many times as fast\n"
	       "as the faster peer: the median of the ratios of the repetitions, and half of what lies between the lowest and the highest.\n"
	       "The receiver leaves the payload alone, or reads the whole of it. Fenced: two copies and the two full barriers.\n",
	       repetitions);
	printf("%41s", "");
	print_title(" ns, payload not read", LEAVE, false);
	print_title(" ns, payload read", READ, false);
	if (HAVE_RATIOS) {
		print_title(" ratio, payload not read", LEAVE, true);
		print_title(" ratio, payload read", READ, true);
	}
	printf("\n%-7s %7s %5s %5s %6s %6s", "packet", "threads", "KiB", "bytes", "ranges",
	       "burst");
	for (int ratio = 0; ratio <= HAVE_RATIOS; ratio++)
		for (enum use use = LEAVE; use <= READ; use++) {
			printf(" |");
			for (size_t c = 0; c < CONTENDERS; c++)
				if (has_column(use, ratio, c))
					printf("%*s", width_of(ratio), contenders[c]->name);
		}
	printf("\n");
}

static void print_value(const struct spread *value, bool ratio)
{
	char text[32] = "-";

	if (value->median && ratio)
		snprintf(text, sizeof(text), "%.2f +-%.0f%%", value->median, plus_minus(value));
	else if (value->median)
		snprintf(text, sizeof(text), "%.1f", value->median);
	printf(" %*s", width_of(ratio) - 1, text);
}

void print_cell(const struct cell *cell)
{
	printf("%-7s %7d %5zu %5zu %6u %6d", kinds[cell->kind], cell->threads, cell->ring >> 10,
	       cell->size, cell->ranges, cell->burst);
	for (int ratio = 0; ratio <= HAVE_RATIOS; ratio++)
		for (enum use use = LEAVE; use <= READ; use++) {
			printf(" |");
			for (size_t c = 0; c < CONTENDERS; c++) {
				if (ratio && has_column(use, ratio, c))
					print_value(&cell->ratio[use][c], true);
				else if (has_column(use, ratio, c))
					print_value(&cell->ns[use][c], false);
			}
		}
	printf("\n");
	fflush(stdout);
}

static void csv_spread(FILE *file, const struct spread *spread)
{
	if (spread->median)
		fprintf(file, ",%.3f,%.3f,%.3f", spread->median, spread->low, spread->high);
	else
		fprintf(file, ",,,");
}

void write_csv(FILE *file, const struct cell *cells, size_t count)
{
	fprintf(file, "packet,threads,ring,bytes,ranges,burst");
	for (enum use use = LEAVE; use <= READ; use++) {
		const char *read = use == READ ? "+read" : "";

		for (size_t c = 0; c < CONTENDERS; c++)
			fprintf(file, ",%s%s ns,low,high", contenders[c]->name, read);
		for (size_t c = 0; c < OURS; c++)
			fprintf(file, ",%s%s ratio,low,high", contenders[c]->name, read);
	}
	fprintf(file, "\n");
	for (size_t i = 0; i < count; i++) {
		const struct cell *cell = &cells[i];

		fprintf(file, "%s,%d,%zu,%zu,%u,%d", kinds[cell->kind], cell->threads, cell->ring,
			cell->size, cell->ranges, cell->burst);
		for (enum use use = LEAVE; use <= READ; use++) {
			for (size_t c = 0; c < CONTENDERS; c++)
				csv_spread(file, &cell->ns[use][c]);
			for (size_t c = 0; c < OURS; c++)
				csv_spread(file, &cell->ratio[use][c]);
		}
		fprintf(file, "\n");
	}
}
