// SPDX-License-Identifier: GPL-2.0-only
/* The table for a terminal and as CSV, and the plot. */
#include <math.h>
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
		"The receiver leaves the payload alone, or reads the whole of it. Bare: two copies, or with ranges the host alone.\n"
		"Fenced: two copies and the two full barriers.\n",
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

/* The plot has a panel for each number of threads and each use. */

#define PANEL_WIDTH  360.0
#define PANEL_HEIGHT 300.0
#define DECADES	     4 /* 1 to 10,000 ns */

struct panel {
	double x, y; /* the upper left corner */
	int threads;
	enum use use;
	size_t ring;
	int burst;
};

static double x_of(const struct panel *panel, size_t size)
{
	return panel->x + PANEL_WIDTH * log2((double)size / 16) / log2(MAX_MESSAGE / 16);
}

static double y_of(const struct panel *panel, double ns)
{
	return panel->y + PANEL_HEIGHT * (1 - log10(ns) / DECADES);
}

static bool shown(const struct panel *panel, const struct cell *cell)
{
	return cell->kind == MESSAGE && cell->threads == panel->threads &&
	       cell->ring == panel->ring && cell->burst == panel->burst;
}

static void draw_axes(FILE *file, const struct panel *panel, const struct cell *cells, size_t count)
{
	double ns = 1, before = 0;

	fprintf(file,
		"<text x='%g' y='%g'>%d thread%s, %zu KiB, bursts of %d, payload %s: ns for a message</text>\n",
		panel->x, panel->y - 20, panel->threads, panel->threads == 1 ? "" : "s",
		panel->ring >> 10, panel->burst, panel->use == READ ? "read" : "not read");
	for (int d = 0; d <= DECADES; d++, ns *= 10)
		fprintf(file,
			"<path d='M%g %gh%g' stroke='#ddd'/><text x='%g' y='%g' text-anchor='end'>%g</text>\n",
			panel->x, y_of(panel, ns), PANEL_WIDTH, panel->x - 6, y_of(panel, ns) + 4,
			ns);
	for (size_t i = 0; i < count; i++) {
		double x = x_of(panel, cells[i].size);

		if (!shown(panel, &cells[i]))
			continue;
		/*
		 * A number without room beside the previous one is printed
		 * below it.
		 */
		fprintf(file, "<text x='%g' y='%g' text-anchor='middle'>%zu</text>\n", x,
			panel->y + PANEL_HEIGHT + (x - before < 30 ? 32 : 18), cells[i].size);
		before = x;
	}
	fprintf(file, "<text x='%g' y='%g' text-anchor='middle'>bytes in a message</text>\n",
		panel->x + PANEL_WIDTH / 2, panel->y + PANEL_HEIGHT + 40);
}

static void draw_contender(FILE *file, const struct panel *panel, const struct cell *cells,
			   size_t count, size_t c)
{
	static const char *const colours[] = { "#0b6", "#06c", "#083", "#c30", "#b80", "#888" };
	const bool last = c == CONTENDERS - 1, floor = c >= FENCED;
	const char *colour = floor ? "#888" : colours[c];
	char path[1024] = "";
	/*
	 * The names are in two columns above the lines, because the lines end
	 * too close together.
	 */
	const double name_x = panel->x + 12 + (double)(c % 2) * 90,
		     name_y = panel->y + 18 + (double)(c / 2) * 18;

	for (size_t i = 0; i < count; i++) {
		double ns = cells[i].ns[panel->use][c].median;

		if (!shown(panel, &cells[i]) || !ns)
			continue;
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "%c%.1f %.1f",
			 *path ? 'L' : 'M', x_of(panel, cells[i].size), y_of(panel, ns));
	}
	if (*path)
		fprintf(file,
			"<path d='%s' fill='none' stroke='%s' stroke-width='2'%s/><text x='%g' y='%g' fill='%s'>%s</text>\n",
			path, colour, last ? " stroke-dasharray='6 4'" : "", name_x, name_y, colour,
			contenders[c]->name);
}

void write_svg(FILE *file, const struct cell *cells, size_t count, size_t ring, int burst,
	       const char *without)
{
	const double left = 60, top = 50, across = PANEL_WIDTH + 110, down = PANEL_HEIGHT + 120;

	fprintf(file,
		"<svg xmlns='http://www.w3.org/2000/svg' width='960' height='860' font-family='sans-serif' font-size='12'>\n"
		"<rect width='960' height='860' fill='white'/>\n");
	for (int threads = 1; threads <= 2; threads++)
		for (enum use use = LEAVE; use <= READ; use++) {
			const struct panel panel = {
				.x = left + (threads - 1) * across,
				.y = top + use * down,
				.threads = threads,
				.use = use,
				.ring = ring,
				.burst = burst,
			};

			draw_axes(file, &panel, cells, count);
			for (size_t c = 0; c < CONTENDERS; c++)
				draw_contender(file, &panel, cells, count, c);
			if (threads == 2 && without)
				fprintf(file,
					"<text x='%g' y='%g' text-anchor='middle'>%s</text>\n",
					panel.x + PANEL_WIDTH / 2, panel.y + PANEL_HEIGHT / 2,
					without);
		}
	fprintf(file, "</svg>\n");
}
