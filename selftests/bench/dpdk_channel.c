// SPDX-License-Identifier: GPL-2.0-only
/*
 * DPDK's vmbus_channel.c. It signals by setting a bit of the monitor page. Here
 * the call that all contenders use counts in the word of this bit.
 */
#include "contender.h"

#define __sync_or_and_fetch(word, bits) ((void)(bits), count_signal((void *)(uintptr_t)(word)))

#include "vmbus_channel.c"
