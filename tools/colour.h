/* SPDX-License-Identifier: GPL-2.0-only */
/* Colours for output to a terminal */
#ifndef HVUIO_COLOUR_H
#define HVUIO_COLOUR_H

#include <stdio.h>

enum colour { COLOUR_NONE, COLOUR_HEADER, COLOUR_GOOD, COLOUR_WARNING, COLOUR_BAD, COLOUR_FAINT };

/*
 * Return the sequence that switches a colour on or off. Both return "" if the
 * stream is not a terminal, if TERM is "dumb", or if the environment variable
 * NO_COLOR is not empty (https://no-color.org).
 */
const char *colour_on(FILE *stream, enum colour colour);
const char *colour_off(FILE *stream, enum colour colour);

#endif
