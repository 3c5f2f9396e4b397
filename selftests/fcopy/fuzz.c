// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz the daemon as its host. An input is a sequence of messages, each after
 * its length in 16 bits, little-endian. corpus/ has some inputs to start from,
 * and every input that found a bug.
 *
 * The test runs every file of the corpus, and then FUZZ_SECONDS (2) of inputs
 * that are derived from them, from FUZZ_SEED.
 */
#include <time.h>

#include "fcopy_test.h"
#include "hostile_host.h"
#include "served.h"

static struct policy policy = POLICY_DEFAULTS;
static struct place place = PLACE_DEFAULTS;

/* Do not use the disk, which would take most of the time. */
int fsync(int fd)
{
	return 0;
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
	return 0;
}

/* Send a message to the daemon, and check its answer. */
static void ask(const uint8_t *data, size_t length)
{
	static struct message request, answer;

	if (length > sizeof(request.bytes))
		length = sizeof(request.bytes);
	memcpy(request.bytes, data, length);
	request.length = length;
	if (served_ask(&request, &answer) != SILENCE &&
	    (length + 7 < IC_HEADER || answer.bytes[25] != 5 || answer.bytes[24] != data[24]))
		abort();
}

static void run_input(const uint8_t *data, size_t size)
{
	serve(&policy);
	while (size >= 2) {
		size_t length = data[0] | data[1] << 8;

		data += 2;
		size -= 2;
		if (length > size)
			length = size;
		ask(data, length);
		data += length;
		size -= length;
	}
	serve_end();
	if (inline_transfer.to.dir >= 0)
		abort();
}

/* All names in the inputs stay in the scratch directory. */
static void confine(const char *directory)
{
	if (geteuid() == 0 && (chroot(directory) < 0 || chdir("/") < 0))
		ksft_exit_fail_perror("chroot");
	place.source = (char *)"test:1";
	place.path = strdup(geteuid() == 0 ? "/tmp" : directory);
	policy.places = &place;
	policy.count = 1;
	mkdir("/tmp", 0755);
}

#define INPUT_MAX  65536
#define CORPUS_MAX 64

struct input {
	size_t size;
	uint8_t bytes[INPUT_MAX];
};

static struct input corpus[CORPUS_MAX], input;
static unsigned int inputs;

static bool read_input(const char *path, struct input *to)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, to->bytes, sizeof(to->bytes));

	if (fd >= 0)
		close(fd);
	to->size = n > 0 ? n : 0;
	return n >= 0;
}

static void read_corpus(const char *program)
{
	struct dirent **entries;
	char path[PATH_MAX];
	const char *slash = strrchr(program, '/');
	int n;

	snprintf(path, sizeof(path), "%.*s/corpus", slash ? (int)(slash - program) : 1,
		 slash ? program : ".");
	n = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char one[2 * PATH_MAX];

		snprintf(one, sizeof(one), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && inputs < CORPUS_MAX &&
		    read_input(one, &corpus[inputs]))
			inputs++;
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* Return the beginning of a random message of the input, and its end. */
static size_t message_at(const struct input *of, size_t *end)
{
	size_t starts[256], n = 0, at = 0;

	while (at + 2 <= of->size && n < 255) {
		starts[n++] = at;
		at += 2 + (of->bytes[at] | of->bytes[at + 1] << 8);
		if (at > of->size)
			at = of->size;
	}
	if (!n)
		return *end = 0;
	starts[n] = at;
	n = below(n);
	*end = starts[n + 1];
	return starts[n];
}

static void insert(size_t at, const uint8_t *bytes, size_t n)
{
	if (input.size + n > INPUT_MAX)
		return;
	memmove(input.bytes + at + n, input.bytes + at, input.size - at);
	memcpy(input.bytes + at, bytes, n);
	input.size += n;
}

static void mutate(void)
{
	static const uint32_t numbers[] = { 0,		1,	    0x7f,      0xff,   0x100,
					    6144,	6145,	    0x7fff,    0xffff, 0x7fffffff,
					    0x80000000, 0xfffffff8, 0xffffffff };
	static uint8_t copy[INPUT_MAX];
	const struct input *other = &corpus[below(inputs)];
	size_t at, end, from;

	at = message_at(&input, &end);
	switch (below(7)) {
	case 0:
		if (input.size)
			input.bytes[below(input.size)] ^= 1u << below(8);
		break;
	case 1: /* a number of the header, or a little behind it */
		from = at + 2 + 2 * below(60);
		if (from + 4 <= input.size)
			memcpy(input.bytes + from, &numbers[below(13)], 4);
		break;
	case 2: /* a message of another input, here */
		from = message_at(other, &end);
		memcpy(copy, other->bytes + from, end - from);
		insert(at, copy, end - from);
		break;
	case 3: /* the same again */
		memcpy(copy, input.bytes + at, end - at);
		insert(end, copy, end - at);
		break;
	case 4: /* without this one */
		memmove(input.bytes + at, input.bytes + end, input.size - end);
		input.size -= end - at;
		break;
	case 5: /* another length: the rest is torn */
		if (at + 2 <= input.size)
			input.bytes[at + below(2)] = below(256);
		break;
	default:
		for (size_t n = below(32); n && at < input.size; n--, at++)
			input.bytes[at] = below(256);
	}
}

static void run_corpus(void)
{
	confine(scratch);
	for (unsigned int i = 0; i < inputs; i++)
		run_input(corpus[i].bytes, corpus[i].size);
}

static void corpus_is_harmless(void)
{
	expect(inputs > 0);
	expect_int(in_child(run_corpus), 0);
}

static void run_mutations(void)
{
	const char *text = getenv("FUZZ_SECONDS");
	double limit = text ? atof(text) : 2;
	struct timespec begun, now;
	unsigned long long n;

	expect(inputs > 0);
	if (!inputs)
		return;
	confine(scratch);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	for (n = 1;; n++) {
		input = corpus[below(inputs)];
		for (uint64_t k = 1 + below(6); k; k--)
			mutate();
		run_input(input.bytes, input.size);
		if (n % 64)
			continue;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - begun.tv_sec + (now.tv_nsec - begun.tv_nsec) / 1e9 > limit)
			break;
	}
	ksft_print_msg("%llu inputs\n", n);
}

static void inputs_made_of_the_corpus(void)
{
	hostile_begin("FUZZ_SEED");
	expect_int(in_child(run_mutations), 0);
}

int main(int argc, char **argv)
{
	read_corpus(argv[0]);
	test_variant(anywhere, corpus_is_harmless, "", 0);
	test_variant(anywhere, inputs_made_of_the_corpus, "", 0);
	run_tests();
}
