/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_JOURNAL_H
#define FCOPY_JOURNAL_H

#include <stdbool.h>

/*
 * Notes of what an interrupted copy could leave behind: a half-written file
 * that has a name, and directories that were made for a copy. The daemon writes
 * the note of a file before its name appears, and removes the note when the
 * name is gone or has become the file. After a crash the next daemon removes
 * what it finds noted, at its start and before each START.
 *
 * A note is a symbolic link in the state directory: one system call makes it,
 * one fsync makes it durable. Files without a name (O_TMPFILE) need none. The
 * text of the link is one of
 *
 *	file:INODE:BIRTH:PLACE
 *	directories:COUNT:FIRST:LAST:PLACE
 *
 * INODE and BIRTH identify the directory PLACE, which holds the file; the file
 * has the name of the note. FIRST and LAST are the births of the topmost and of
 * the deepest one of the COUNT directories at the end of PLACE. A birth is the
 * creation time of a directory (statx(2)) in nanoseconds since 1970; 0 means
 * that the file system keeps none. It survives a reboot and nobody can set it.
 * Device numbers do not survive a reboot, nor do the inode numbers of FAT and
 * of some overlays. The notes therefore decide as follows:
 *   - A regular file with the name of the note is ours, because the name has 64
 *     random bits. journal_clean() removes it from PLACE whatever the key says.
 *   - If there is no such file, it is gone only if INODE and BIRTH match. Else
 *     its file system may not be mounted yet, and the note stays.
 *   - journal_clean() removes a directory only if it was born between FIRST and
 *     LAST, and is empty. On a file system without births there is no note of
 *     directories, and an interrupted copy leaves them.
 *
 * Development versions before 0.1 wrote DEVICE:INODE:PLACE for a file and
 * DEVICE:INODE:COUNT:PLACE for directories, in hexadecimal. journal_clean()
 * reads the former as a file note without a key. It drops the latter with a
 * line in the log, because it cannot tell whose directories these are.
 */

/**
 * Every temporary name is this and 16 hexadecimal digits. name_check_file() and
 * name_check_path() refuse such names from the host.
 */
#define JOURNAL_PREFIX		".hv-fcopyd."
#define JOURNAL_NAME_SIZE	(sizeof(JOURNAL_PREFIX) + 16)

/**
 * After so many days, by the time of modification of the link, journal_clean()
 * drops a note if it does not find what the note names. A machine that was
 * switched off for so long gets JOURNAL_SETTLE_SECONDS after its boot to mount
 * everything.
 */
#define JOURNAL_KEEP_DAYS	30
#define JOURNAL_SETTLE_SECONDS	3600

/**
 * journal_open() - open the state directory, make it if missing, and lock it
 *
 * Returns a descriptor, or -errno; -EBUSY if another process has it.
 */
int journal_open(const char *state_dir);

/*
 * @journal is the descriptor. With -1, journal_note() notes nothing, and
 * journal_clean() finds nothing.
 */

/**
 * journal_name() - choose a new name for a note and its file
 *
 * Returns 0 or -EIO.
 */
int journal_name(char name[JOURNAL_NAME_SIZE]);

/**
 * journal_note() - note that @name is about to appear in a directory
 * @dir: the directory, open (O_PATH suffices)
 * @place: its path without links; "" is the root
 * @made: if not 0, note instead that a copy made the last @made components of
 *	@place
 *
 * Returns 0 or -errno.
 */
int journal_note(int journal, int dir, const char *place, unsigned int made, const char *name);

/**
 * journal_forget() - remove a note, when @name is gone or has become the file
 */
void journal_forget(int journal, const char *name);

/**
 * journal_clean() - remove what earlier copies noted and did not forget
 *
 * A note stays while its file cannot be removed. A note also stays while its
 * directory is missing or is another one, for JOURNAL_KEEP_DAYS.
 *
 * Costs one look at the state directory when there are no notes. Logs a note
 * that stays once in the life of the process, and once more when its file turns
 * up and cannot be removed. Call it only while no copy is active.
 *
 * Returns 0 or -errno of the last failure. A note that waits for its file
 * system is no failure.
 */
int journal_clean(int journal);

#endif
