// SPDX-License-Identifier: GPL-2.0-only
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool text_has_only(const char *text, const char *more)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr(more, *text))
			return false;
	return true;
}

bool text_parse_mac(const char *text, char mac[MAC_SIZE])
{
	if (strlen(text) != MAC_SIZE - 1)
		return false;
	for (int i = 0; i < MAC_SIZE - 1; i++) {
		if (i % 3 == 2 ? text[i] != text[2] || !strchr(":-", text[i]) :
				 !isxdigit((unsigned char)text[i]))
			return false;
		mac[i] = i % 3 == 2 ? ':' : tolower((unsigned char)text[i]);
	}
	mac[MAC_SIZE - 1] = '\0';
	return true;
}

bool text_parse_digits(const char *text, unsigned long long *number, char **end)
{
	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*number = strtoull(text, end, 10);
	return !errno;
}

bool text_parse_number(const char *text, uint32_t *number)
{
	unsigned long long n;
	char *end;

	if (!text_parse_digits(text, &n, &end) || *end || n >= UINT32_MAX)
		return false;
	*number = n;
	return true;
}
