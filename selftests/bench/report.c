// SPDX-License-Identifier: GPL-2.0-only
/* The table for a terminal and as CSV */
#include <string.h>

#include "cell.h"

const char *const kinds[KINDS] = {
	[MESSAGE] = "message", [GPA_DIRECT] = "gpa", [XFER_PAGES] = "xfer"
};

static bool measured_when(enum use use, size_t c)
{
	return contenders[c]->recv[MESSAGE][use];
}

static const char *column(enum use use, size_t c)
{
	static char name[32];

	snprintf(name, sizeof(name), "%s%s", contenders[c]->name, use == READ ? "+read" : "");
	return name;
}

/*
 * Return half of the distance from the lowest to the highest value, in percent
 * of the median.
 */
static double plus_minus(const struct spread *spread)
{
	return 50 * (spread->high - spread->low) / spread->median;
}

#define NS_WIDTH    9
#define RATIO_WIDTH 12
#define HAVE_RATIOS (PEERS_END > OURS)

static bool has_ratio(enum use use, size_t c)
{
	return c < OURS && measured_when(use, c);
}

/*
 * Print @title above the columns of the contenders, of width @width, or above
 * those that have a ratio.
 */
static void print_title(FILE *file, const char *title, enum use use, int width, bool ratios)
{
	int columns = 0;

	for (size_t c = 0; c < CONTENDERS; c++)
		columns += ratios ? has_ratio(use, c) : measured_when(use, c);
	fprintf(file, " |%-*s", columns * width, title);
}

void print_head(FILE *file, int repetitions)
{
	fprintf(file,
		"The median of %d repetitions of the nanoseconds for a packet to be sent and received. A ratio says how many times as fast\n"
		"as the faster peer: the median of the ratios of the repetitions, and half of what lies between the lowest and the highest.\n"
		"The receiver leaves the payload alone, or reads the whole of it. Fenced: two copies and the two full barriers.\n",
		repetitions);
	fprintf(file, "%41s", "");
	print_title(file, " ns, payload not read", LEAVE, NS_WIDTH, false);
	print_title(file, " ns, payload read", READ, NS_WIDTH, false);
	if (HAVE_RATIOS) {
		print_title(file, " ratio, payload not read", LEAVE, RATIO_WIDTH, true);
		print_title(file, " ratio, payload read", READ, RATIO_WIDTH, true);
	}
	fprintf(file, "\n%-7s %7s %5s %5s %6s %6s", "packet", "threads", "KiB", "bytes", "ranges",
		"burst");
	for (int ratios = 0; ratios <= HAVE_RATIOS; ratios++)
		for (enum use use = LEAVE; use <= READ; use++) {
			fprintf(file, " |");
			for (size_t c = 0; c < CONTENDERS; c++)
				if (ratios ? has_ratio(use, c) : measured_when(use, c))
					fprintf(file, "%*s", ratios ? RATIO_WIDTH : NS_WIDTH,
						contenders[c]->name);
		}
	fprintf(file, "\n");
}

static void print_ratio(FILE *file, const struct spread *ratio)
{
	char text[32] = "-";

	if (ratio->median)
		snprintf(text, sizeof(text), "%.2f +-%.0f%%", ratio->median, plus_minus(ratio));
	fprintf(file, " %*s", RATIO_WIDTH - 1, text);
}

static void print_ns(FILE *file, const struct spread *ns)
{
	char text[32] = "-";

	if (ns->median)
		snprintf(text, sizeof(text), "%.1f", ns->median);
	fprintf(file, " %*s", NS_WIDTH - 1, text);
}

void print_cell(FILE *file, const struct cell *cell)
{
	fprintf(file, "%-7s %7d %5zu %5zu %6u %6d", kinds[cell->kind], cell->threads,
		cell->ring >> 10, cell->size, cell->ranges, cell->burst);
	for (int ratios = 0; ratios <= HAVE_RATIOS; ratios++)
		for (enum use use = LEAVE; use <= READ; use++) {
			fprintf(file, " |");
			for (size_t c = 0; c < CONTENDERS; c++) {
				if (ratios && has_ratio(use, c))
					print_ratio(file, &cell->ratio[use][c]);
				else if (!ratios && measured_when(use, c))
					print_ns(file, &cell->ns[use][c]);
			}
		}
	fprintf(file, "\n");
	fflush(file);
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
		for (size_t c = 0; c < CONTENDERS; c++)
			fprintf(file, ",%s ns,low,high", column(use, c));
		for (size_t c = 0; c < OURS; c++)
			fprintf(file, ",%s ratio,low,high", column(use, c));
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
