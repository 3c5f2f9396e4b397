// SPDX-License-Identifier: GPL-2.0-only
/*
 * ring [-v] [-c CELLS] [TABLE.csv]: measure how many nanoseconds it takes to
 * send and receive a packet through a ring in memory, with one thread and with
 * two. The library and its peers are measured in one run. All contenders use
 * the same memory, one after the other. Each cell is first verified, packet by
 * packet, and then timed in interleaved repetitions. -v only verifies the
 * cells. -c chooses those whose first six columns, with one blank between them,
 * match a shell pattern, for example "xfer 2 *".
 */
#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cell.h"
#include "content.h"

#define REPETITIONS  9
#define SLICE_NS     4000000.0 /* the approximate time of one repetition of one contender */
#define MAX_RING     ((size_t)2 << 20)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct contender *const contenders[CONTENDERS] = {
	&ours_copy, &ours_in_place, &ours_locked,
#ifdef PEERS
	&dpdk,	    &tools_hv,
#endif
	&fenced,
};

static void __attribute__((noreturn, format(printf, 1, 2))) give_up(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("ring: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	exit(1);
}

/*
 * The receiver runs on the first, the sender on the second. One thread that
 * does both runs on the first.
 */
static int processors[2], processor_count;

/*
 * Return the first of the processors that share a core with @processor, or -1
 * if the kernel does not report it.
 */
static int core_of(int processor)
{
	char path[80];
	FILE *file;
	int first = -1;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
		 processor);
	file = fopen(path, "r");
	if (file) {
		if (fscanf(file, "%d", &first) != 1)
			first = -1;
		fclose(file);
	}
	return first;
}

/*
 * Choose two processors that the process may use, on different cores if
 * possible.
 */
static void choose_processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		give_up("sched_getaffinity: %s", strerror(errno));
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &set))
			continue;
		if (processor_count < 2)
			processors[processor_count++] = i;
		else if (core_of(processors[1]) == core_of(processors[0]) &&
			 core_of(i) != core_of(processors[0]))
			processors[1] = i;
	}
}

static void pin(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		give_up("sched_setaffinity: processor %d: %s", processor, strerror(errno));
}

/*
 * Two rings that all contenders use. Their pages are touched before the first
 * measurement.
 */
static unsigned char *memory;

static void allocate_memory(void)
{
	const size_t size = 2 * (RING_HEADER + MAX_RING);

	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		give_up("memory for two rings: %s", strerror(errno));
	memset(memory, 0xff, size);
}

static void open_contender(const struct contender *who, size_t size)
{
	const uint32_t pending_send_sz = 1; /* a bit of feature_bits, which is at 64 */
	unsigned char *rings[2] = { memory, memory + RING_HEADER + MAX_RING };
	int err;

	for (int i = 0; i < 2; i++) {
		memset(rings[i], 0, RING_HEADER);
		memcpy(rings[i] + 64, &pending_send_sz, sizeof(pending_send_sz));
	}
	sender_signals.count = 0;
	receiver_signals.count = 0;
	host_open(rings[0], size);
	err = who->open(rings[0], rings[1], size);
	if (err)
		give_up("%s: open: %s", who->name, strerror(-err));
}

static int checked(int ret, const struct contender *who, const char *what)
{
	if (ret < 0)
		give_up("%s: %s: %s", who->name, what, strerror(-ret));
	return ret;
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static inline void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

struct job {
	const struct contender *who;
	const struct cell *cell;
	enum use use;
	int burst;
	long count;
	struct load load;
	atomic_int started;
};

static int next_burst(const struct job *job, long done)
{
	return job->count - done < job->burst ? (int)(job->count - done) : job->burst;
}

static void prepare(struct job *job, long done, int burst)
{
	if (job->use == VERIFY)
		fill_load(&job->load, job->cell->kind, job->cell->size, job->cell->ranges,
			  (uint64_t)done, burst);
}

/* Both threads spin here, so that neither wakes up late. */
static void start_together(struct job *job)
{
	job->started++;
	while (job->started < 2)
		relax();
}

static void *sender(void *arg)
{
	struct job *job = arg;
	int (*const send)(const struct load *, int) = job->who->send[job->cell->kind];
	long done = 0;

	pin(processors[1]);
	start_together(job);
	while (done < job->count) {
		int burst = next_burst(job, done), ret;

		prepare(job, done, burst);
		ret = checked(send(&job->load, burst), job->who, "send");
		if (!ret)
			relax();
		done += ret;
	}
	return NULL;
}

static double two_threads(struct job *job)
{
	int (*const recv)(int) = job->who->recv[job->cell->kind][job->use];
	pthread_t thread;
	long done = 0;
	double start;
	int ret;

	ret = pthread_create(&thread, NULL, sender, job);
	checked(-ret, job->who, "pthread_create");
	start_together(job);
	start = now_ns();
	while (done < job->count) {
		ret = checked(recv(next_burst(job, done)), job->who, "recv");
		if (!ret)
			relax();
		done += ret;
	}
	start = now_ns() - start;
	pthread_join(thread, NULL);
	return start;
}

static double one_thread(struct job *job)
{
	int (*const send)(const struct load *, int) = job->who->send[job->cell->kind];
	int (*const recv)(int) = job->who->recv[job->cell->kind][job->use];
	double start = now_ns();

	for (long done = 0; done < job->count;) {
		int left = next_burst(job, done);

		prepare(job, done, left);
		done += left;
		if (checked(send(&job->load, left), job->who, "send") != left)
			give_up("%s: a burst did not fit", job->who->name);
		while (left) {
			int ret = checked(recv(left), job->who, "recv");

			if (!ret)
				give_up("%s: packets of a burst are missing", job->who->name);
			left -= ret;
		}
	}
	return now_ns() - start;
}

/* Return the number of packets that go around the ring once. */
static long once_around(const struct cell *cell)
{
	return (long)(cell->ring / packet_bytes(cell->kind, cell->size, cell->ranges)) + 1;
}

static void expect_empty(const struct job *job)
{
	if (checked(job->who->recv[job->cell->kind][job->use](1), job->who, "recv"))
		give_up("%s: more packets arrived than were sent", job->who->name);
}

/*
 * Send packets that all differ, more than twice around the ring. Each must
 * arrive exactly once, in order and unchanged.
 */
static void verify(const struct contender *who, const struct cell *cell)
{
	const long bursts = (2 * once_around(cell) + 2 * cell->burst) / cell->burst;
	struct job job = { .who = who,
			   .cell = cell,
			   .use = VERIFY,
			   .burst = cell->burst,
			   .count = bursts * cell->burst };

	open_contender(who, cell->ring);
	expect(who->name, cell->size, cell->ranges);
	if (cell->threads == 2)
		two_threads(&job);
	else
		one_thread(&job);
	expect_empty(&job);
	who->close();
	if (verified() != (uint64_t)job.count)
		give_up("%s: looked at %llu packets of %ld", who->name,
			(unsigned long long)verified(), job.count);
	/*
	 * With one thread, each burst meets an empty ring, so each needs a
	 * signal.
	 */
	if (cell->threads == 1 && who->send[cell->kind] != host_send && who != &fenced &&
	    sender_signals.count != bursts)
		give_up("%s: %u signals for %ld bursts", who->name, sender_signals.count, bursts);
	if (cell->threads == 1 && receiver_signals.count)
		give_up("%s: %u signals for room that nobody waited for", who->name,
			receiver_signals.count);
}

/* Return the nanoseconds that @count packets take. */
static double run(const struct contender *who, const struct cell *cell, enum use use, long count)
{
	struct job job = {
		.who = who, .cell = cell, .use = use, .burst = cell->burst, .count = count
	};
	/* One lap around the ring that is not timed warms the caches. */
	struct job around = {
		.who = who, .cell = cell, .use = use, .burst = 1, .count = once_around(cell)
	};
	uint64_t sum;
	double ns;

	fill_alike(&job.load, cell->kind, cell->size, cell->ranges);
	around.load = job.load;
	open_contender(who, cell->ring);
	one_thread(&around);
	sum = read_sum();
	ns = cell->threads == 2 ? two_threads(&job) : one_thread(&job);
	if (use == READ && read_sum() - sum != (uint64_t)count * payload_sum(&job.load))
		give_up("%s: not all of the payload was read", who->name);
	expect_empty(&job);
	who->close();
	return ns;
}

static bool takes_part(const struct contender *who, const struct cell *cell, enum use use)
{
	return who->send[cell->kind] && who->recv[cell->kind][use];
}

/* Return the number of packets, in whole bursts, that take about a slice. */
static long calibrate(const struct contender *who, const struct cell *cell, enum use use)
{
	long count = 8l * cell->burst;
	double ns;

	while ((ns = run(who, cell, use, count)) < SLICE_NS / 4)
		count *= 2;
	count = (long)((double)count * SLICE_NS / ns);
	return (count / cell->burst + 1) * cell->burst;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static struct spread spread_of(const double *values)
{
	double sorted[REPETITIONS];

	memcpy(sorted, values, sizeof(sorted));
	qsort(sorted, REPETITIONS, sizeof(*sorted), compare);
	return (struct spread){ sorted[0], sorted[REPETITIONS / 2], sorted[REPETITIONS - 1] };
}

/*
 * The frequency of the machine varies, so each ratio is from one repetition.
 * The peer is the one with the lowest median.
 */
static void compare_with_peers(struct cell *cell, enum use use, double (*ns)[REPETITIONS])
{
	size_t peer = 0;

	for (size_t c = OURS; c < PEERS_END; c++)
		if (cell->ns[use][c].median &&
		    (!peer || cell->ns[use][c].median < cell->ns[use][peer].median))
			peer = c;
	for (size_t c = 0; c < OURS && peer; c++) {
		double ratios[REPETITIONS];

		if (!cell->ns[use][c].median)
			continue;
		for (int r = 0; r < REPETITIONS; r++)
			ratios[r] = ns[peer][r] / ns[c][r];
		cell->ratio[use][c] = spread_of(ratios);
	}
}

static void verify_all(const struct cell *cell)
{
	for (size_t c = 0; c < CONTENDERS; c++)
		if (takes_part(contenders[c], cell, VERIFY))
			verify(contenders[c], cell);
}

static void measure(struct cell *cell)
{
	static double ns[VERIFY][CONTENDERS][REPETITIONS];
	long counts[VERIFY][CONTENDERS];

	verify_all(cell);
	for (enum use use = LEAVE; use <= READ; use++)
		for (size_t c = 0; c < CONTENDERS; c++)
			if (takes_part(contenders[c], cell, use))
				counts[use][c] = calibrate(contenders[c], cell, use);
	/*
	 * Each repetition starts with another contender, so that the order
	 * favours none.
	 */
	for (int r = 0; r < REPETITIONS; r++)
		for (size_t i = 0; i < CONTENDERS; i++)
			for (enum use use = LEAVE; use <= READ; use++) {
				size_t c = (i + (size_t)r) % CONTENDERS;
				long count = counts[use][c];
				double all;

				if (!takes_part(contenders[c], cell, use))
					continue;
				all = run(contenders[c], cell, use, count);
				ns[use][c][r] = all / (double)count;
			}
	for (enum use use = LEAVE; use <= READ; use++) {
		for (size_t c = 0; c < CONTENDERS; c++)
			if (takes_part(contenders[c], cell, use))
				cell->ns[use][c] = spread_of(ns[use][c]);
		compare_with_peers(cell, use, ns[use]);
	}
}

/* The rows */

static struct cell cells[512];
static size_t cell_count;
static const char *wanted = "*";

static bool is_wanted(enum kind kind, int threads, size_t ring, size_t size, unsigned int ranges,
		      int burst)
{
	char name[96];

	snprintf(name, sizeof(name), "%s %d %zu %zu %u %d", kinds[kind], threads, ring >> 10, size,
		 ranges, burst);
	return !fnmatch(wanted, name, 0);
}

static void add_cell(enum kind kind, int threads, size_t ring, size_t size, unsigned int ranges,
		     int burst)
{
	struct cell *cell = &cells[cell_count];

	/*
	 * One thread sends a whole burst before it receives, so the burst must
	 * fit.
	 */
	if (threads == 1 && packet_bytes(kind, size, ranges) * (size_t)burst >= ring)
		return;
	if (!is_wanted(kind, threads, ring, size, ranges, burst))
		return;
	if (cell_count == COUNT(cells))
		give_up("more than %zu rows", COUNT(cells));
	*cell = (struct cell){
		.kind = kind,
		.threads = threads,
		.ring = ring,
		.size = size,
		.ranges = ranges,
		.burst = burst,
	};
	cell_count++;
}

static void plan(int max_threads)
{
	static const size_t rings[] = { 16 << 10, 64 << 10, 256 << 10, MAX_RING };
	static const size_t sizes[] = { 16, 64, 256, 1024, 4096, 6144 };
	static const unsigned int ranges[] = { 1, 4, 16 };
	static const int bursts[] = { 1, 8, 32 };

	for (int threads = 1; threads <= max_threads; threads++) {
		for (size_t r = 0; r < COUNT(rings); r++)
			for (size_t s = 0; s < COUNT(sizes); s++)
				for (size_t b = 0; b < COUNT(bursts); b++)
					add_cell(MESSAGE, threads, rings[r], sizes[s], 0,
						 bursts[b]);
		for (enum kind kind = GPA_DIRECT; kind <= XFER_PAGES; kind++)
			for (size_t g = 0; g < COUNT(ranges); g++)
				for (size_t b = 0; b < COUNT(bursts); b++)
					add_cell(kind, threads, 256 << 10, RANGES_PAYLOAD,
						 ranges[g], bursts[b]);
	}
}

static void write_table(const char *path)
{
	FILE *file = fopen(path, "w");
	bool bad = !file;

	if (file) {
		write_csv(file, cells, cell_count);
		bad = ferror(file);
		bad |= fclose(file) != 0;
	}
	if (bad)
		give_up("cannot write %s: %s", path, strerror(errno));
}

int main(int argc, char **argv)
{
	bool only_verify = false, usage = false;
	int option;

	while ((option = getopt(argc, argv, "c:v")) >= 0) {
		if (option == 'v')
			only_verify = true;
		else if (option == 'c')
			wanted = optarg;
		else
			usage = true;
	}
	argc -= optind - 1;
	argv += optind - 1;
	if (usage || argc > 2 || (only_verify && argc != 1)) {
		fprintf(stderr, "usage: ring [-c CELLS] [TABLE.csv], or ring -v [-c CELLS]\n");
		return 2;
	}
	choose_processors();
	pin(processors[0]);
	allocate_memory();
	printf("Threads are pinned: the receiver, or one thread that does both, to processor %d",
	       processors[0]);
	if (processor_count == 2) {
		printf(", the sender to processor %d%s.\n", processors[1],
		       core_of(processors[0]) == core_of(processors[1]) &&
				       core_of(processors[0]) >= 0 ?
			       " of the same core" :
			       "");
	} else {
		printf(". The rows of two threads are left out: there is one processor only.\n");
	}
	plan(processor_count);
	if (!cell_count)
		give_up("no cell matches '%s'", wanted);
	if (only_verify) {
		for (size_t i = 0; i < cell_count; i++)
			verify_all(&cells[i]);
		printf("%zu cells are verified.\n", cell_count);
		return 0;
	}
	print_head(REPETITIONS);
	for (size_t i = 0; i < cell_count; i++) {
		measure(&cells[i]);
		print_cell(&cells[i]);
	}
	if (argc == 2)
		write_table(argv[1]);
	return 0;
}
