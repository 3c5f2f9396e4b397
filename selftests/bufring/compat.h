/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions of the program with the compatibility header that its test
 * calls. The test cannot include both headers.
 */
#ifndef COMPAT_H
#define COMPAT_H

/* Returns 0, or the number of the place where it ended */
int compat_program(int map_fd, int event_fd, int ring_size);
int compat_lies(void *memory, int size);

#endif /* COMPAT_H */
