/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_NAME_H
#define FCOPY_NAME_H

#include <stddef.h>
#include <stdint.h>

/*
 * These functions check names. The host sends a name as a field of 260 UTF-16LE
 * code units, which ends at the first NUL. Each function returns NULL, or
 * describes the fault in a few words; the host then gets ERROR_INVALID_NAME.
 */

#define NAME_UNITS 260
/** The bytes of a field in UTF-8: 3 for a unit, 4 for a pair of surrogates */
#define NAME_BYTES ((NAME_UNITS - 1) * 3 + 1)

/**
 * name_from_utf16() - convert a field to UTF-8
 * @field: NAME_UNITS code units, of any alignment
 *
 * The function refuses a field without a NUL, surrogates without their other
 * half, and control characters. The returned text names something that the
 * field contains, such as "a control character".
 *
 * The function does not use iconv(3), because that loads its support for UTF-16
 * from files. An initramfs and a small container lack these files.
 */
const char *name_from_utf16(const void *field, char name[NAME_BYTES]);

/**
 * name_decode() - decode the character of UTF-8 at @text
 *
 * Returns the number of its bytes, or 0 if it is not UTF-8.
 */
size_t name_decode(const char *text, uint32_t *value);

/**
 * name_check_text() - check that name_from_utf16() can produce @text
 *
 * The function is for names that do not come from the host. It returns the
 * fault like name_from_utf16().
 */
const char *name_check_text(const char *text);

/**
 * name_check_file() - check the name of a file
 *
 * The function refuses "", ".", "..", a name with '/' or '\', and every
 * temporary name of hv-fcopyd (journal.h). After a crash, journal_clean() would
 * mistake a file with a temporary name for the rest of a copy.
 */
const char *name_check_file(const char *name);

/**
 * name_check_path() - check a destination, or the path of a rule
 *
 * The function refuses "..", '\' and temporary names of hv-fcopyd. It also
 * refuses a drive letter ("C:/x") or a variable ("%TEMP%/x") at the start,
 * because users who are used to Windows guests type them. The path may be
 * relative, empty, or end in '/'.
 */
const char *name_check_path(const char *path);

/**
 * name_check_meant() - check that the user means a relative destination
 *
 * A path that begins with '~', a variable or "$(", a quotation mark, a blank, a
 * drive letter or a URL's scheme would create an entry of that name in the root
 * directory. Quotation marks and blanks include those of Unicode. The function
 * returns the fault like name_check_path(). The caller refuses the path unless
 * its first component exists.
 */
const char *name_check_meant(const char *path);

#endif
