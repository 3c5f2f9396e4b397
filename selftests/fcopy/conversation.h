/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a host says to the daemon of served.h: each function sends one message,
 * and returns the status of the answer, which may be SILENCE.
 */
#ifndef FCOPY_CONVERSATION_H
#define FCOPY_CONVERSATION_H

#include "fcopy_test.h"
#include "served.h"
#include "test_policy.h"

extern struct message request, answer;

/** begin_conversation() - makes to/, serves with the policy, and negotiates */
void begin_conversation(void);

/* The number of entries that to/ must have after the conversation */
extern int expected_files;
void end_conversation(void);

extern const struct fixture conversation;

/** ask() - sends `request`; `answer` has the answer */
uint32_t ask(void);

/** ask_fcopy() - the same for a request that the session answers */
uint32_t ask_fcopy(void);

uint32_t start_at(const char *destination, const char *source, uint32_t flags, uint64_t size);
/** start() - a START for a file in to/ */
uint32_t start(const char *source, uint32_t flags, uint64_t size);
uint32_t send_data(uint64_t offset, const char *text);
uint32_t end(uint32_t operation);

/** copy_at() - sends a whole file; returns the first status that is not S_OK */
uint32_t copy_at(const char *destination, const char *source, uint32_t flags, const char *text);
uint32_t copy(const char *source, uint32_t flags, const char *text);

#endif
