// SPDX-License-Identifier: GPL-2.0-only
/*
 * ring [-q] [TABLE.csv PLOT.svg]: nanoseconds for a message to be sent and received through a ring in memory, by one thread
 * and by two, ours against its peers in one run. Median of repetitions that are interleaved, with the lowest and the highest.
 * -q: few cells and repetitions.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "contender.h"

#define MAX_REPETITIONS 15
#define SLICE_NS	4000000.0	/* that one repetition of one contender takes, about */
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static const struct contender *const contenders[] = {
	&ours_copy, &ours_in_place,
#ifdef PEERS
	&dpdk, &tools_hv,
#endif
	&bare_copies,
};

static char message[MAX_MESSAGE] __attribute__((aligned(64)));

struct cell {
	size_t ring, size;
	int burst, threads;
	double low[COUNT(contenders)], median[COUNT(contenders)], high[COUNT(contenders)]; /* 0: not measured */
};

struct job {
	const struct contender *who;
	const struct cell *cell;
	long count;
	pthread_barrier_t start;
};

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int checked(int ret, const struct contender *who, const char *what)
{
	if (ret < 0) {
		fprintf(stderr, "ring: %s: %s: %s\n", who->name, what, strerror(-ret));
		exit(1);
	}
	return ret;
}

static inline void relax(void)
{
#ifdef __x86_64__
	__builtin_ia32_pause();
#endif
}

static int next_burst(const struct job *job, long done)
{
	return job->count - done < job->cell->burst ? (int)(job->count - done) : job->cell->burst;
}

static void *sender(void *arg)
{
	struct job *job = arg;
	long done = 0;
	int ret;

	pthread_barrier_wait(&job->start);
	while (done < job->count) {
		ret = checked(job->who->send(message, job->cell->size, next_burst(job, done)), job->who, "send");
		if (!ret)
			relax();
		done += ret;
	}
	return NULL;
}

static double two_threads(struct job *job)
{
	pthread_t thread;
	long done = 0;
	double start;
	int ret;

	pthread_barrier_init(&job->start, NULL, 2);
	ret = pthread_create(&thread, NULL, sender, job);
	checked(-ret, job->who, "pthread_create");
	pthread_barrier_wait(&job->start);
	start = now_ns();
	while (done < job->count) {
		ret = checked(job->who->recv(next_burst(job, done)), job->who, "recv");
		if (!ret)
			relax();
		done += ret;
	}
	start = now_ns() - start;
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&job->start);
	return start / (double)job->count;
}

static double one_thread(const struct job *job)
{
	double start = now_ns();

	for (long done = 0; done < job->count; done += job->cell->burst) {
		int left = job->cell->burst;

		if (checked(job->who->send(message, job->cell->size, left), job->who, "send") != left)
			checked(-ENOBUFS, job->who, "a burst that must fit");
		while (left)
			left -= checked(job->who->recv(left), job->who, "recv");
	}
	return (now_ns() - start) / (double)job->count;
}

static double measure(const struct contender *who, const struct cell *cell, long count)
{
	struct job job = { .who = who, .cell = cell, .count = count / cell->burst * cell->burst };
	/* Once around, as memory that was never touched is slow. */
	const struct cell one_by_one = { .size = cell->size, .burst = 1 };
	const struct job around = { .who = who, .cell = &one_by_one, .count = (long)(cell->ring / cell->size) };
	double ns;

	checked(who->open(cell->ring), who, "open");
	one_thread(&around);
	ns = cell->threads == 2 ? two_threads(&job) : one_thread(&job);
	who->close();
	return ns;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void measure_cell(struct cell *cell, int repetitions)
{
	double ns[COUNT(contenders)][MAX_REPETITIONS];
	long counts[COUNT(contenders)];

	for (size_t c = 0; c < COUNT(contenders); c++) {
		const struct contender *who = contenders[c];

		if (cell->threads == 2 && !who->threads)
			continue;
		counts[c] = (long)(SLICE_NS / measure(who, cell, 100l * cell->burst)) + cell->burst;
	}
	for (int r = 0; r < repetitions; r++)
		for (size_t c = 0; c < COUNT(contenders); c++)
			if (cell->threads == 1 || contenders[c]->threads)
				ns[c][r] = measure(contenders[c], cell, counts[c]);
	for (size_t c = 0; c < COUNT(contenders); c++) {
		if (cell->threads == 2 && !contenders[c]->threads)
			continue;
		qsort(ns[c], (size_t)repetitions, sizeof(ns[c][0]), compare);
		cell->low[c] = ns[c][0];
		cell->median[c] = ns[c][repetitions / 2];
		cell->high[c] = ns[c][repetitions - 1];
	}
}

/* How many times as fast as the faster peer the faster of ours is; 0 without peers */
static double ratio(const struct cell *cell)
{
	double peer = 0, best = cell->median[0] < cell->median[1] ? cell->median[0] : cell->median[1];

	for (size_t c = 2; c < COUNT(contenders) - 1; c++)
		if (!peer || cell->median[c] < peer)
			peer = cell->median[c];
	return peer / best;
}

static void print_head(int repetitions)
{
	printf("Nanoseconds for a message, sent and received: median of %d, (low-high); ratio: faster peer to faster of ours.\n",
	       repetitions);
	printf("%7s %4s %6s %5s", "threads", "KiB", "bytes", "burst");
	for (size_t c = 0; c < COUNT(contenders); c++)
		printf("  %-22s", contenders[c]->name);
	printf(" GB/s  ratio\n");
}

static void print_cell(const struct cell *cell)
{
	double best = cell->median[0] < cell->median[1] ? cell->median[0] : cell->median[1];

	printf("%7d %4zu %6zu %5d", cell->threads, cell->ring >> 10, cell->size, cell->burst);
	for (size_t c = 0; c < COUNT(contenders); c++) {
		char range[32] = "";

		if (cell->median[c])
			snprintf(range, sizeof(range), "(%.1f-%.1f)", cell->low[c], cell->high[c]);
		if (cell->median[c])
			printf("  %7.1f %-14s", cell->median[c], range);
		else
			printf("  %7s %-14s", "-", "");
	}
	printf(" %5.2f", (double)cell->size / best);
	if (ratio(cell))
		printf("  %.2f", ratio(cell));
	printf("\n");
	fflush(stdout);
}

static void write_csv(FILE *file, const struct cell *cells, size_t count)
{
	fprintf(file, "threads,ring,bytes,burst");
	for (size_t c = 0; c < COUNT(contenders); c++)
		fprintf(file, ",%s ns,low,high", contenders[c]->name);
	fprintf(file, "\n");
	for (size_t i = 0; i < count; i++) {
		fprintf(file, "%d,%zu,%zu,%d", cells[i].threads, cells[i].ring, cells[i].size, cells[i].burst);
		for (size_t c = 0; c < COUNT(contenders); c++)
			fprintf(file, ",%.2f,%.2f,%.2f", cells[i].median[c], cells[i].low[c], cells[i].high[c]);
		fprintf(file, "\n");
	}
}

/* A panel for each number of threads: nanoseconds by message size, both logarithmic, of one ring and burst. */
static void write_svg(FILE *file, const struct cell *cells, size_t count, size_t ring, int burst)
{
	static const char *const colours[] = { "#0b6", "#06c", "#c30", "#b80", "#888" };
	const double left = 60, top = 50, width = 360, height = 300, gap = 110;
	const int decades = 4; /* 1 to 10,000 ns */

	fprintf(file, "<svg xmlns='http://www.w3.org/2000/svg' width='960' height='440' font-family='sans-serif' font-size='12'>\n"
		"<rect width='960' height='440' fill='white'/>\n");
	for (int threads = 1; threads <= 2; threads++) {
		double x0 = left + (threads - 1) * (width + gap);

		fprintf(file, "<text x='%g' y='%g'>%d thread%s, ring of %zu KiB, bursts of %d: ns for a message</text>\n", x0, top - 20,
			threads, threads == 1 ? "" : "s", ring >> 10, burst);
		for (int d = 0; d <= decades; d++) {
			double y = top + height * (1 - (double)d / decades), ns = 1;

			for (int i = 0; i < d; i++)
				ns *= 10;
			fprintf(file, "<path d='M%g %gh%g' stroke='#ddd'/><text x='%g' y='%g' text-anchor='end'>%g</text>\n", x0, y, width,
				x0 - 6, y + 4, ns);
		}
		for (size_t c = 0; c < COUNT(contenders); c++) {
			char path[1024] = "";
			double x = 0, y = 0;

			for (size_t i = 0; i < count; i++) {
				const struct cell *cell = &cells[i];
				double ns = cell->median[c];

				if (cell->threads != threads || cell->ring != ring || cell->burst != burst || !ns)
					continue;
				x = x0 + width * log2((double)cell->size / 16) / log2(MAX_MESSAGE / 16);
				y = top + height * (1 - log10(ns) / decades);
				snprintf(path + strlen(path), sizeof(path) - strlen(path), "%c%.1f %.1f", *path ? 'L' : 'M', x, y);
				if (!c)
					fprintf(file, "<text x='%g' y='%g' text-anchor='middle'>%zu</text>\n", x, top + height + 18, cell->size);
			}
			if (*path)
				fprintf(file, "<path d='%s' fill='none' stroke='%s' stroke-width='2'%s/><text x='%g' y='%g' fill='%s'>%s</text>\n",
					path, colours[c], c == COUNT(contenders) - 1 ? " stroke-dasharray='6 4'" : "", x + 6, y + 4, colours[c],
					contenders[c]->name);
		}
		fprintf(file, "<text x='%g' y='%g' text-anchor='middle'>bytes in a message</text>\n", x0 + width / 2, top + height + 40);
	}
	fprintf(file, "</svg>\n");
}

static FILE *create(const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file) {
		fprintf(stderr, "ring: cannot write %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return file;
}

static void finish(FILE *file, const char *path)
{
	bool bad = ferror(file);

	if (fclose(file) || bad) {
		fprintf(stderr, "ring: cannot write %s: %s\n", path, strerror(errno));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	static const size_t all_rings[] = { 16 << 10, 64 << 10, 256 << 10, 2 << 20 }, few_rings[] = { 256 << 10 };
	static const size_t all_sizes[] = { 16, 64, 256, 1024, 4096, 6144 }, few_sizes[] = { 64, 6144 };
	static const int bursts[] = { 1, 8, 32 };
	static struct cell cells[2 * COUNT(all_rings) * COUNT(all_sizes) * COUNT(bursts)];
	bool quick = argc > 1 && !strcmp(argv[1], "-q");
	const size_t *rings = quick ? few_rings : all_rings, *sizes = quick ? few_sizes : all_sizes;
	int repetitions = quick ? 5 : 9;
	size_t count = 0;
	FILE *file;

	argc -= quick;
	argv += quick;
	if (argc != 1 && argc != 3) {
		fprintf(stderr, "usage: ring [-q] [TABLE.csv PLOT.svg]\n");
		return 2;
	}
	memset(message, 0x5a, sizeof(message));
	print_head(repetitions);
	for (int threads = 1; threads <= 2; threads++)
		for (size_t r = 0; r < (quick ? COUNT(few_rings) : COUNT(all_rings)); r++)
			for (size_t s = 0; s < (quick ? COUNT(few_sizes) : COUNT(all_sizes)); s++)
				for (size_t b = 0; b < COUNT(bursts); b++) {
					struct cell *cell = &cells[count];

					*cell = (struct cell){ .ring = rings[r], .size = sizes[s], .burst = bursts[b], .threads = threads };
					/* One thread fills the ring with a whole burst before it empties it. */
					if (threads == 1 && (cell->size + 24) * (size_t)cell->burst >= cell->ring)
						continue;
					measure_cell(cell, repetitions);
					print_cell(cell);
					count++;
				}
	if (argc == 3) {
		file = create(argv[1]);
		write_csv(file, cells, count);
		finish(file, argv[1]);
		file = create(argv[2]);
		write_svg(file, cells, count, 256 << 10, 32);
		finish(file, argv[2]);
	}
	return 0;
}
