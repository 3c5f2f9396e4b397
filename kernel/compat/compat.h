/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before the first line of every source: what this kernel has, and one
 * message prefix.
 */
#ifndef HVUIO_COMPAT_H
#define HVUIO_COMPAT_H

#include "facts.h"

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#endif
