/* SPDX-License-Identifier: GPL-2.0-only */
/* Interfere amid a function, as other users and failing kernels do. */
#ifndef FCOPY_MEANWHILE_H
#define FCOPY_MEANWHILE_H

#include <stdint.h>

/*
 * The type of a function that acts before the n-th call, counted from 1. @args
 * are the arguments of the system call. It returns 0 to let the call continue,
 * an errno to let it fail, or MEANWHILE_DONE to let it succeed without the
 * kernel.
 */
typedef int meanwhile_fn(unsigned int n, const uint64_t args[6]);
#define MEANWHILE_DONE (-1)

/**
 * meanwhile() - call @function before each system call @number of this thread
 *
 * @function runs in another thread of the process, whose system calls nobody
 * intercepts. The filter stays until the process ends, so call this in a child:
 * in_child(). It leaves the child with NO_MEANWHILE where the kernel has no
 * SECCOMP_RET_USER_NOTIF.
 */
void meanwhile(int number, meanwhile_fn *function);

/* How often the system call has been intercepted */
extern volatile unsigned int meanwhile_calls;

#endif
