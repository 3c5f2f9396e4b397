/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_JOURNAL_H
#define FCOPY_JOURNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The journal notes what an interrupted copy could leave behind: a half-written
 * file with a temporary name, and directories that the copy created. The daemon
 * writes the note of a file before the file gets its temporary name. It removes
 * the note when the file has been removed or has its final name. After a crash
 * of the daemon or of a worker, the daemon removes the files and directories
 * that the notes name, at its start and before each START.
 *
 * A note is a symbolic link in the state directory: one system call creates it,
 * and one fsync makes it durable. A file without a name (O_TMPFILE) needs no
 * note. The text of the link has one of two forms:
 *
 *	file:INODE:BIRTH:PLACE
 *	directories:COUNT:FIRST:LAST:PLACE
 *
 * INODE and BIRTH identify the directory PLACE, which holds the file. The file
 * has the same name as the note. FIRST and LAST are the births of the topmost
 * and of the deepest of the COUNT directories at the end of PLACE. A birth is
 * the creation time of a directory (statx(2)) in nanoseconds since 1970; 0
 * means that the file system keeps none. A birth survives a reboot, and nobody
 * can set it. Device numbers do not survive a reboot, nor do the inode numbers
 * of FAT and of some overlays. journal_clean() therefore decides as follows:
 *   - A regular file with the name of the note is ours, because the name has 64
 *     random bits. journal_clean() removes it from PLACE even if INODE and
 *     BIRTH do not match.
 *   - If there is no such file, journal_clean() drops the note only if INODE
 *     and BIRTH match. Otherwise the file system of the file may not be mounted
 *     yet, and the note stays.
 *   - journal_clean() removes a directory only if it is empty and its birth is
 *     between FIRST and LAST. On a file system without births the daemon writes
 *     no note of directories, and an interrupted copy leaves them behind.
 */

/**
 * Every temporary name consists of this prefix and 16 hexadecimal digits.
 * name_check_file() and name_check_path() refuse such names from the host.
 */
#define JOURNAL_PREFIX	  ".hv-fcopyd."
#define JOURNAL_NAME_SIZE (sizeof(JOURNAL_PREFIX) + 16)

/**
 * journal_clean() drops a note that is older than this many days if it does not
 * find what the note names. The modification time of the link counts. It drops
 * no note in the first JOURNAL_SETTLE_SECONDS after a boot, because a machine
 * that was off for a long time must first mount its file systems.
 */
#define JOURNAL_KEEP_DAYS      30
#define JOURNAL_SETTLE_SECONDS 3600

/**
 * journal_open() - open and lock the state directory, and create it if missing
 *
 * Returns a descriptor or -errno; -EBUSY if another process has locked it.
 */
int journal_open(const char *state_dir);

/*
 * In the functions below @journal is this descriptor. It may be -1: then
 * journal_note() notes nothing, and journal_clean() finds nothing.
 */

/** What a note names; two notes of one copy differ in the last bit */
enum journal_kind { JOURNAL_FILE, JOURNAL_DIRECTORIES };

/**
 * journal_id() - choose the random id of a copy's notes, whose last bit is 0
 *
 * The function stores the id. Returns 0 or -EIO.
 */
int journal_id(_Atomic uint64_t *id);

/** journal_name() - build the name of a note and of its file from the id */
void journal_name(uint64_t id, enum journal_kind kind, char name[JOURNAL_NAME_SIZE]);

/**
 * journal_note() - note that @name is about to appear in a directory
 * @dir: the directory, open (O_PATH suffices)
 * @place: its path without links; "" is the root
 * @made: if not 0, note instead that a copy created the last @made components
 *	of @place
 *
 * Returns 0 or -errno.
 */
int journal_note(int journal, int dir, const char *place, unsigned int made, const char *name);

/**
 * journal_forget() - remove the note @name, when its file has been removed or
 * has its final name
 */
void journal_forget(int journal, const char *name);

/**
 * JOURNAL_KEPT is the limit of notes that journal_keep() keeps. Each START
 * tries to remove what all notes name, and a file system whose unlink(2) always
 * fails makes a note of each copy.
 */
#define JOURNAL_KEPT 64

/**
 * journal_keep() - keep the note @name, whose file could not be removed
 *
 * The function drops the note if there are more than JOURNAL_KEPT.
 */
void journal_keep(int journal, const char *name);

/**
 * journal_clean() - remove what the notes of earlier copies name
 * @is_busy: whether the notes with this id belong to a copy that is active; may
 *	be NULL
 * @tell: log each note that stays
 *
 * A note stays while its file cannot be removed. A note also stays, for up to
 * JOURNAL_KEEP_DAYS, while its directory is missing or is another directory.
 *
 * Without notes the function only reads the state directory.
 *
 * Returns 0 or -errno of the last failure. A note that waits for its file
 * system does not count as a failure. @left receives the number of notes that
 * stay.
 */
int journal_clean(int journal, bool (*is_busy)(uint64_t id), bool tell, unsigned int *left);

#endif
