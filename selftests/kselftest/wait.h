/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Wait for something, however busy the machine is. If it never comes, the time
 * limit of the whole program ends the wait, and the runner prints the load.
 */
#ifndef WAIT_H
#define WAIT_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WAIT_UNTIL(condition)         \
	do {                          \
		while (!(condition))  \
			usleep(1000); \
	} while (0)

/* Tell whether every other thread of this process sleeps. */
static inline bool others_sleep(void)
{
	DIR *tasks = opendir("/proc/self/task");
	char path[300], state = 'S';
	struct dirent *task;

	while (tasks && state == 'S' && (task = readdir(tasks))) {
		FILE *f;

		if (task->d_name[0] == '.' || atoi(task->d_name) == syscall(SYS_gettid))
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/stat", task->d_name);
		f = fopen(path, "re");
		if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 'R';
		if (f)
			fclose(f);
	}
	if (tasks)
		closedir(tasks);
	return tasks && state == 'S';
}

/*
 * Wait until every other thread of this process sleeps. valgrind runs one
 * thread at a time, and one that waits for its turn sleeps, too. It gets its
 * turn between two of these looks.
 */
static inline void until_others_sleep(void)
{
	for (int looks = 0; looks < 3; looks = others_sleep() ? looks + 1 : 0)
		usleep(1000);
}

#endif /* WAIT_H */
