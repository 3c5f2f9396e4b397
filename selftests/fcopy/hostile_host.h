/* SPDX-License-Identifier: GPL-2.0-only */
/* The messages of a hostile host. The same seed makes the same ones. */
#ifndef FCOPY_HOSTILE_HOST_H
#define FCOPY_HOSTILE_HOST_H

#include "host.h"

extern uint64_t hostile_seed;

/*
 * Read hostile_seed from this environment variable, or draw it, and print it.
 */
void hostile_begin(const char *variable);

uint64_t draw(void);
/* Draw a number less than @n. */
uint64_t below(uint64_t n);

/* Build a message that could belong to a copy to the directory @to. */
void hostile_message(struct message *m, const char *to);
/* Corrupt the message: single bytes, numbers, its length. */
void hostile_spoil(struct message *m);

#endif
