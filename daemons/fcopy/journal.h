/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_JOURNAL_H
#define FCOPY_JOURNAL_H

#include <stdbool.h>

/*
 * Notes of what an interrupted copy could leave behind: a half-written file
 * that has a name, and directories that were made for a copy. The daemon writes
 * the note before the name appears, and removes the note when the name is gone
 * or has become the file. After a crash the next daemon removes what it finds
 * noted, at its start and before each START.
 *
 * A note is a symbolic link in the state directory: one system call makes it,
 * one fsync makes it durable. Files without a name (O_TMPFILE) need none.
 */

/** Every temporary name: this and 16 hexadecimal digits */
#define JOURNAL_PREFIX		".hv-fcopyd."
#define JOURNAL_NAME_SIZE	(sizeof(JOURNAL_PREFIX) + 16)

/**
 * journal_open() - open the state directory, make it if missing, and lock it
 *
 * Returns a descriptor, or -errno; -EBUSY if another process has it.
 */
int journal_open(const char *state_dir);

/* With journal -1 the next ones write nothing down, and find nothing. */

/** journal_name() - a new name for a note and its file, into @name; 0 or -EIO */
int journal_name(char name[JOURNAL_NAME_SIZE]);

/**
 * journal_note() - note that @name is about to appear in a directory
 * @dir: the directory, open
 * @place: its path without links; "" is the root
 * @made: 0; or note instead that a copy made the last @made components of @place
 *
 * Returns 0 or -errno.
 */
int journal_note(int journal, int dir, const char *place, unsigned int made, const char *name);

/** journal_forget() - remove a note: the name is gone, or has become the file */
void journal_forget(int journal, const char *name);

/**
 * journal_clean() - remove what earlier copies noted and did not forget
 *
 * A note stays while its file cannot be removed, and while its directory is
 * missing or is another one: its file system may not be mounted yet.
 *
 * Costs one look at the state directory when there are no notes. Returns 0 or
 * -errno of the last failure.
 */
int journal_clean(int journal);

#endif
