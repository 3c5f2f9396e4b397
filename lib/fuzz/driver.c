// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * driver SECONDS LAST CORPUS...: run a fuzz target without libFuzzer, with
 * every input of the corpus directories and then with mutations of them. The
 * seed is fixed, so each run tries the same inputs in the same order. LAST is a
 * file that always holds the current input. After a crash, 'driver 0 LAST
 * FOLDER' repeats that input if FOLDER contains nothing else.
 */

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "input.h"

#define INPUT_MOST 4096u

struct sample {
	size_t size;
	uint8_t *bytes;
};

static struct sample *samples;
static size_t sample_count;

/* The current input: its length as text, a NUL, a newline, then its bytes */
static uint8_t *last;

static uint64_t state = 88172645463325252u;

static uint32_t random32(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 16;
}

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

static void add(const char *path)
{
	uint8_t *bytes = malloc(INPUT_MOST);
	FILE *f = fopen(path, "r");

	if (!bytes || !f)
		fail(path);
	samples = realloc(samples, (sample_count + 1) * sizeof(*samples));
	if (!samples)
		fail("realloc");
	samples[sample_count].bytes = bytes;
	samples[sample_count++].size = fread(bytes, 1, INPUT_MOST, f);
	fclose(f);
}

static int no_dot(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Sort the names, so that every run is the same. */
static void add_folder(const char *folder)
{
	struct dirent **list;
	char path[4096];
	int n = scandir(folder, &list, no_dot, alphasort);

	if (n < 0)
		fail(folder);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
		add(path);
		free(list[i]);
	}
	free(list);
}

static void run(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size); /* ASan has a red zone right after it */

	if (!copy && size)
		fail("malloc");
	if (size) {
		memcpy(copy, bytes, size);
		memcpy(last + 8, bytes, size);
	}
	snprintf((char *)last, 8, "%-6zu", size);
	last[7] = '\n';
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static size_t mutate(uint8_t *bytes, size_t size)
{
	static const uint32_t odd[] = {
		0,	1,	7,	    8,		16,	    1023,	1024,
		0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff,
	};
	const struct sample *other;
	size_t at, len;
	uint32_t value;

	for (int times = 1 + random32() % 5; times; times--) {
		at = size ? random32() % size : 0;
		switch (random32() % 6) {
		case 0:
			if (size)
				bytes[at] ^= 1u << random32() % 8;
			break;
		case 1:
			if (size)
				bytes[at] = random32();
			break;
		case 2:
			value = odd[random32() % (sizeof(odd) / sizeof(odd[0]))];
			len = 1u << random32() % 3;
			if (at + len <= size)
				memcpy(bytes + at, &value, len);
			break;
		case 3: /* remove a piece */
			len = random32() % 16;
			if (at + len < size) {
				memmove(bytes + at, bytes + at + len, size - at - len);
				size -= len;
			}
			break;
		case 4: /* repeat a piece */
			len = random32() % 32;
			if (at + len <= size && size + len <= INPUT_MOST) {
				memmove(bytes + at + len, bytes + at, size - at);
				size += len;
			}
			break;
		default: /* replace the rest with that of another sample */
			other = &samples[random32() % sample_count];
			if (!other->size)
				break;
			len = random32() % other->size;
			if (at + len <= INPUT_MOST) {
				memcpy(bytes + at, other->bytes + other->size - len, len);
				size = at + len;
			}
		}
	}
	return size;
}

int main(int argc, char **argv)
{
	static uint8_t bytes[INPUT_MOST];
	unsigned long runs = 0;
	time_t end;
	int fd;

	if (argc < 4) {
		fprintf(stderr, "usage: driver SECONDS LAST CORPUS...\n");
		return 2;
	}
	fd = open(argv[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, INPUT_MOST + 8))
		fail(argv[2]);
	last = mmap(NULL, INPUT_MOST + 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (last == MAP_FAILED)
		fail(argv[2]);
	for (int i = 3; i < argc; i++)
		add_folder(argv[i]);
	if (!sample_count) {
		fprintf(stderr, "driver: no inputs\n");
		return 2;
	}
	for (size_t i = 0; i < sample_count; i++, runs++)
		run(samples[i].bytes, samples[i].size);
	end = time(NULL) + atoi(argv[1]);
	while (time(NULL) < end) {
		for (int i = 0; i < 200; i++, runs++) {
			const struct sample *from = &samples[random32() % sample_count];

			memcpy(bytes, from->bytes, from->size);
			run(bytes, mutate(bytes, from->size));
		}
	}
	printf("%lu inputs, %zu of them from the corpus\n", runs, sample_count);
	return 0;
}
