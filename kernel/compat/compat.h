/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The build includes this header before the first line of every source. It
 * defines the facts about this kernel and the prefix of messages.
 */
#ifndef HVUIO_COMPAT_H
#define HVUIO_COMPAT_H

#include "facts.h"

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#endif
