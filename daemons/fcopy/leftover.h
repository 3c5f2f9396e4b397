/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_LEFTOVER_H
#define FCOPY_LEFTOVER_H

/*
 * A half-written file that has a name must not outlive a crash of the daemon or of the machine. So
 * before it gets the name, that is written down as a symbolic link in the state directory (one
 * system call, and one fsync, make it whole), and the next daemon removes what it finds there. The
 * link has the temporary name, and the text DEVICE:INODE:DIRECTORY, of which the numbers (hexadecimal)
 * are the directory's: where another one is in its place, its file system may not be mounted yet.
 * Files without a name (O_TMPFILE) need none of this.
 *
 * Directories that are made for a copy are noted as soon as they are there, in the same way, under a
 * name of which there is no file: DEVICE:INODE:NUMBER:DIRECTORY, of which the last NUMBER parts were
 * made. The next daemon removes those that are empty.
 */

/** Every temporary name: this and 16 hexadecimal digits */
#define LEFTOVER_PREFIX		".hv-fcopyd."
#define LEFTOVER_NAME_SIZE	(sizeof(LEFTOVER_PREFIX) + 16)

/**
 * leftover_open() - the state directory, made if missing, and locked: one daemon may have it
 *
 * Returns a descriptor, or -errno; -EBUSY when another process has it.
 */
int leftover_open(const char *state_dir);

/* With state -1 nothing is written down, and nothing found. 0 or -errno. */

/** leftover_name() - a new name for a note: into @name. 0 or -EIO */
int leftover_name(char name[LEFTOVER_NAME_SIZE]);

/**
 * leftover_note() - @name is about to appear in @directory, which is open as @dir; or, with @made
 * above 0, the last @made parts of @directory have been made
 */
int leftover_note(int state, int dir, const char *directory, unsigned int made, const char *name);

/** leftover_forget() - it is gone, or has become the file that was asked for */
void leftover_forget(int state, const char *name);

/**
 * leftover_remove() - removes what earlier daemons noted and did not forget
 *
 * A note stays when the file could not be removed, and when its directory is not there or another.
 */
int leftover_remove(int state);

#endif
