/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_NAME_H
#define FCOPY_NAME_H

#include <stddef.h>

/*
 * Names as the host sends them: fields of 260 UTF-16LE code units that end at
 * the first NUL. Each function returns NULL, or says in a few words what is
 * wrong: the host then gets ERROR_INVALID_NAME.
 */

#define NAME_UNITS 260
/** Room for a field as UTF-8: 3 bytes for a unit, 4 for a pair of surrogates */
#define NAME_BYTES ((NAME_UNITS - 1) * 3 + 1)

/**
 * name_from_utf16() - convert a field to UTF-8
 * @field: NAME_UNITS code units, of any alignment
 *
 * Refuses a field without a NUL, surrogates without their other half, and
 * control characters. Returns what is wrong as something that the field has,
 * such as "a control character".
 *
 * It does not use iconv(3), which loads its UTF-16 from files that an initramfs
 * and a small container lack.
 */
const char *name_from_utf16(const void *field, char name[NAME_BYTES]);

/**
 * name_check_text() - check that name_from_utf16() could have made @text
 *
 * For names that do not come from the host. The result completes the words "the
 * path has".
 */
const char *name_check_text(const char *text);

/**
 * name_check_file() - check the name of a file
 *
 * Refuses "", ".", "..", a name with '/' or '\', and every temporary name of
 * hv-fcopyd (journal.h): after a crash, journal_clean() would take such a file
 * for one that a copy left.
 */
const char *name_check_file(const char *name);

/**
 * name_check_path() - check a destination, or the path of a rule
 *
 * Refuses "..", '\', temporary names of hv-fcopyd, a drive letter at the start
 * ("C:/x"), and a variable at the start ("%TEMP%/x"): users of Windows guests
 * type the latter two. The path may be relative, empty, or end in '/'.
 */
const char *name_check_path(const char *path);

#endif
