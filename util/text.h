/* SPDX-License-Identifier: GPL-2.0-only */
/* Parse what configuration files and command lines have in common. */
#ifndef HVUIO_TEXT_H
#define HVUIO_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#define MAC_SIZE 18 /* "00:15:5d:01:02:03" */

/* Return whether a text has only letters, digits and characters of @more. */
bool text_has_only(const char *text, const char *more);

/*
 * Convert a MAC, with ':' or '-' between its parts, to the kernel's spelling.
 * Return whether the text is one.
 */
bool text_parse_mac(const char *text, char mac[MAC_SIZE]);

/*
 * Convert the decimal digits at the start of a text. Set @end to what follows
 * them. Return false if there is none, or if the number is too large.
 */
bool text_parse_digits(const char *text, unsigned long long *number, char **end);

/*
 * Parse a decimal number below UINT32_MAX, which chown(2) reserves for
 * "unchanged".
 */
bool text_parse_number(const char *text, uint32_t *number);

#endif
