// SPDX-License-Identifier: GPL-2.0-only
#include "colour.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool wanted(FILE *stream)
{
	const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return !(no && *no) && terminal && *terminal && strcmp(terminal, "dumb") &&
	       isatty(fileno(stream));
}

const char *colour_on(FILE *stream, enum colour colour)
{
	static const char *const sequences[] = {
		[COLOUR_NONE] = "",	    [COLOUR_HEADER] = "\033[1m",
		[COLOUR_GOOD] = "\033[32m", [COLOUR_WARNING] = "\033[33m",
		[COLOUR_BAD] = "\033[31m",  [COLOUR_FAINT] = "\033[2m",
	};

	return colour != COLOUR_NONE && wanted(stream) ? sequences[colour] : "";
}

const char *colour_off(FILE *stream, enum colour colour)
{
	return colour != COLOUR_NONE && wanted(stream) ? "\033[0m" : "";
}
