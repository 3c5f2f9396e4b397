/* SPDX-License-Identifier: GPL-2.0-only */
/* What an example prints */
#ifndef PRINTED_H
#define PRINTED_H

#include "../bufring/model.h"

static char printed[65536];

/*
 * Redirect descriptors 1 and 2 to a file and keep the old ones in @kept. Return
 * the descriptor of the file.
 */
static inline int printing_begin(int kept[2])
{
	FILE *file = tmpfile();
	int to;

	MUST(file);
	to = dup(fileno(file));
	fclose(file);
	fflush(stdout);
	kept[0] = dup(1);
	kept[1] = dup(2);
	MUST(to >= 0 && kept[0] >= 0 && kept[1] >= 0);
	MUST(dup2(to, 1) == 1 && dup2(to, 2) == 2);
	return to;
}

static inline void read_printed(int from)
{
	ssize_t len = pread(from, printed, sizeof(printed) - 1, 0);

	MUST(len >= 0);
	printed[len] = 0;
}

static inline void printing_end(int to, const int kept[2])
{
	fflush(stdout);
	MUST(dup2(kept[0], 1) == 1 && dup2(kept[1], 2) == 2);
	read_printed(to);
	close(to);
	close(kept[0]);
	close(kept[1]);
}

/* Count @text in the output of the example. */
static inline unsigned int times_printed(const char *text)
{
	unsigned int count = 0;

	for (const char *at = printed; (at = strstr(at, text)); at++)
		count++;
	return count;
}

#endif /* PRINTED_H */
