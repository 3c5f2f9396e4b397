// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the library needs of libuuid, for tests on a machine that has it for its
 * own processor only.
 */

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

int uuid_parse(const char *text, uuid_t uuid)
{
	if (strlen(text) != 36)
		return -1;
	for (int i = 0, n = 0; i < 36; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return -1;
			continue;
		}
		if (!isxdigit((unsigned char)text[i]) || !isxdigit((unsigned char)text[i + 1]))
			return -1;
		sscanf(text + i++, "%2hhx", &uuid[n++]);
	}
	return 0;
}

void uuid_unparse_lower(const uuid_t uuid, char *text)
{
	for (int i = 0; i < 16; i++)
		text += sprintf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
				uuid[i]);
}
