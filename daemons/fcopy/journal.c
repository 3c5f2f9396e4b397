// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "journal.h"
#include "log.h"
#include "path.h"

enum kind {
	NOTE_FILE,
	NOTE_DIRECTORIES,
	NOTE_UNKNOWN,
};

struct note {
	enum kind kind;
	const char *name;  /* the note and the file have this name */
	const char *place; /* points into text */
	/* NOTE_FILE */
	uint64_t inode; /* inode number of place */
	uint64_t birth; /* birth of place; 0: not known */
	/* NOTE_DIRECTORIES */
	unsigned int made; /* the number of components that the copy created */
	uint64_t first;	   /* birth of the topmost directory */
	uint64_t last;	   /* birth of the deepest directory */
	char text[PATH_MAX];
};

enum outcome {
	DONE,	/* nothing is left of the copy */
	ABSENT, /* nothing is there now, but it may appear later */
	STUCK,	/* the file is there and cannot be removed */
};

int journal_open(const char *state_dir)
{
	int dir, err;

	if (mkdir(state_dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	if (flock(dir, LOCK_EX | LOCK_NB) < 0) {
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
		close(dir);
		return err;
	}
	return dir;
}

int journal_id(_Atomic uint64_t *id)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	*id = random & ~1ull;
	return 0;
}

void journal_name(uint64_t id, enum journal_kind kind, char name[JOURNAL_NAME_SIZE])
{
	snprintf(name, JOURNAL_NAME_SIZE, JOURNAL_PREFIX "%016" PRIx64, id | kind);
}

/*
 * Find out the inode number and the birth of @dir. Directories of images that
 * were built reproducibly have the birth 0 s: the function reports these as
 * unknown. Returns 0 or -errno.
 */
static int identify(int dir, uint64_t *inode, uint64_t *birth)
{
	struct statx st;

	if (statx(dir, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) < 0)
		return -errno;
	*inode = st.stx_ino;
	*birth = 0;
	if ((st.stx_mask & STATX_BTIME) && st.stx_btime.tv_sec > 0)
		*birth = st.stx_btime.tv_sec * 1000000000ull + st.stx_btime.tv_nsec;
	return 0;
}

/* Return the birth of the directory @levels above @dir, or 0 if unknown. */
static uint64_t birth_above(int dir, unsigned int levels)
{
	uint64_t inode, birth = 0;
	int at = dir, parent;

	while (levels-- && at >= 0) {
		parent = openat(at, "..", PATH_STEP);
		if (at != dir)
			close(at);
		at = parent;
	}
	if (at < 0 || identify(at, &inode, &birth) < 0)
		birth = 0;
	if (at >= 0 && at != dir)
		close(at);
	return birth;
}

int journal_note(int journal, int dir, const char *place, unsigned int made, const char *name)
{
	uint64_t inode, birth, first;
	char text[PATH_MAX];
	int n, err;

	if (journal < 0)
		return 0;
	err = identify(dir, &inode, &birth);
	if (err)
		return err;
	if (made) {
		first = birth_above(dir, made - 1);
		/* journal_clean() could not recognize these directories. */
		if (!first || !birth)
			return 0;
		n = snprintf(text, sizeof(text), "directories:%u:%" PRIu64 ":%" PRIu64 ":%s", made,
			     first, birth, place);
	} else {
		n = snprintf(text, sizeof(text), "file:%" PRIu64 ":%" PRIu64 ":%s", inode, birth,
			     place);
	}
	if (n >= (int)sizeof(text))
		return -ENAMETOOLONG;
	if (symlinkat(text, journal, name) < 0)
		return -errno;
	return path_sync_directory(journal);
}

void journal_forget(int journal, const char *name)
{
	if (journal >= 0)
		unlinkat(journal, name, 0);
}

/* Fill in @note from its text. A text of unknown form gives NOTE_UNKNOWN. */
static void parse(struct note *note)
{
	int at = 0;

	note->kind = NOTE_UNKNOWN;
	note->place = note->text;
	if (sscanf(note->text, "file:%" SCNu64 ":%" SCNu64 ":%n", &note->inode, &note->birth,
		   &at) == 2 &&
	    at) {
		note->kind = NOTE_FILE;
	} else if (sscanf(note->text, "directories:%u:%" SCNu64 ":%" SCNu64 ":%n", &note->made,
			  &note->first, &note->last, &at) == 3 &&
		   at) {
		note->kind = NOTE_DIRECTORIES;
	}
	if (note->kind != NOTE_UNKNOWN)
		note->place = note->text + at;
}

/*
 * Whether @dir is the directory of @note. While its file system is not mounted,
 * another directory may have its path.
 */
static bool is_noted(int dir, const struct note *note)
{
	uint64_t inode, birth;

	return identify(dir, &inode, &birth) == 0 && note->birth && birth == note->birth &&
	       inode == note->inode;
}

static enum outcome remove_file(const struct note *note, int dir, struct failure *failure)
{
	enum outcome outcome = STUCK;
	struct stat st;
	int fd, err;

	if (fstatat(dir, note->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return is_noted(dir, note) ? DONE : ABSENT;
		fail_errno(failure, errno, "%s/%s", note->place, note->name);
		return ABSENT;
	}
	/* Copies create only regular files with such a name. */
	if (!S_ISREG(st.st_mode))
		return is_noted(dir, note) ? DONE : ABSENT;

	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || unlinkat(fd, note->name, 0) < 0) {
		fail_errno(failure, errno, "%s/%s", note->place, note->name);
		goto out;
	}
	log_line(LOG_NOTICE, "removed %s/%s, which an interrupted copy left", note->place,
		 note->name);
	err = path_sync_directory(fd);
	if (err) {
		fail_errno(failure, -err, "%s", note->place);
		goto out;
	}
	outcome = DONE;
out:
	if (fd >= 0)
		close(fd);
	return outcome;
}

static bool is_temporary(const char *name)
{
	size_t prefix = strlen(JOURNAL_PREFIX);

	return strlen(name) == JOURNAL_NAME_SIZE - 1 && !strncmp(name, JOURNAL_PREFIX, prefix) &&
	       strspn(name + prefix, "0123456789abcdef") == 16;
}

/* Open the entries of a directory from the first one. NULL: errno says why. */
static DIR *open_entries(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);

	if (!entries && fd >= 0) {
		err = errno;
		close(fd);
		errno = err;
	}
	return entries;
}

void journal_keep(int journal, const char *name)
{
	struct dirent *entry;
	unsigned int notes = 0;
	DIR *entries;

	if (journal < 0)
		return;
	entries = open_entries(journal);
	if (!entries)
		return;
	while ((entry = readdir(entries)))
		notes += is_temporary(entry->d_name);
	closedir(entries);
	if (notes <= JOURNAL_KEPT)
		return;
	journal_forget(journal, name);
	log_line(LOG_WARNING, "dropped the note %s: there are %d of what cannot be removed", name,
		 JOURNAL_KEPT);
}

/* Whether @dir holds anything besides temporary files of copies */
static bool in_use(int dir)
{
	struct dirent *entry;
	bool found = false;
	DIR *entries = open_entries(dir);

	if (!entries)
		return false;
	while (!found && (entry = readdir(entries)))
		found = strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
			!is_temporary(entry->d_name);
	closedir(entries);
	return found;
}

static enum outcome remove_directories(const struct note *note, const struct path *found)
{
	unsigned int missing = path_components(found->missing), made = 0;

	/* The deepest directories are missing if a rollback was interrupted. */
	while (missing + made < note->made) {
		uint64_t birth = birth_above(found->dir, made);

		if (!birth || birth < note->first || birth > note->last)
			break;
		made++;
	}
	if (!made)
		return ABSENT;
	if (path_remove_created(found->place, found->dir, made)) {
		log_line(LOG_NOTICE, "removed %s, an empty directory that an interrupted copy made",
			 found->place);
		return DONE;
	}
	return in_use(found->dir) ? DONE : ABSENT;
}

/* Remove what @note names. @failure may explain ABSENT or STUCK. */
static enum outcome remove_noted(const struct note *note, struct failure *failure)
{
	enum outcome outcome = ABSENT;
	struct path found;

	switch (path_resolve(note->place, 0, &found, failure)) {
	case REFUSAL_NONE:
		break;
	/* The path leads to something else, or nowhere. */
	case REFUSAL_LINK:
	case REFUSAL_MISSING:
	case REFUSAL_NOT_DIRECTORY:
		failure->refusal = REFUSAL_NONE;
		return ABSENT;
	default:
		return ABSENT;
	}
	if (note->kind == NOTE_DIRECTORIES)
		outcome = remove_directories(note, &found);
	else if (!*found.missing)
		outcome = remove_file(note, found.dir, failure);
	close(found.dir);
	return outcome;
}

/* Whether the note @name is so old that journal_clean() may drop it */
static bool is_expired(int journal, const char *name)
{
	struct timespec up;
	struct stat st;

	/* Soon after boot some file systems may not be mounted yet. */
	if (clock_gettime(CLOCK_BOOTTIME, &up) < 0 || up.tv_sec < JOURNAL_SETTLE_SECONDS)
		return false;
	return fstatat(journal, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       time(NULL) - st.st_mtime > JOURNAL_KEEP_DAYS * 24 * 3600ll;
}

/* Log that @note stays. */
static void log_kept(const struct note *note, const struct failure *failure)
{
	char text[FAILURE_DETAIL + 256];

	if (note->kind == NOTE_UNKNOWN) {
		log_line(LOG_WARNING,
			 "the state directory holds a note that this version cannot "
			 "read: %s: %s",
			 note->name, note->text);
	} else if (failure->refusal != REFUSAL_NONE) {
		failure_text(failure, text, sizeof(text));
		log_line(LOG_WARNING, "cannot remove what an interrupted copy left: %s", text);
	} else {
		bool file = note->kind == NOTE_FILE;

		log_line(LOG_INFO,
			 "an interrupted copy may have left %s%s%s; hv-fcopyd did not "
			 "find it, and looks again before each copy",
			 note->place, file ? "/" : "", file ? note->name : "");
	}
}

/* Clean up what one note names. Returns 0 or -errno. */
static int clean_one(int journal, const struct note *note, bool tell)
{
	struct failure failure = { REFUSAL_NONE };
	enum outcome outcome = ABSENT;

	if (note->kind != NOTE_UNKNOWN)
		outcome = remove_noted(note, &failure);
	if (outcome == DONE) {
		journal_forget(journal, note->name);
		return 0;
	}
	if (outcome == ABSENT && is_expired(journal, note->name)) {
		log_line(LOG_WARNING,
			 "dropped the note %s (%s): what an interrupted copy left was "
			 "not found for %d days",
			 note->name, note->text, JOURNAL_KEEP_DAYS);
		journal_forget(journal, note->name);
		return 0;
	}
	if (tell)
		log_kept(note, &failure);
	if (failure.refusal == REFUSAL_NONE)
		return 0;
	return failure.error ? -failure.error : -EIO;
}

/* Whether the note @name belongs to a copy that is active */
static bool is_active(const char *name, bool (*is_busy)(uint64_t id))
{
	uint64_t id = strtoull(name + strlen(JOURNAL_PREFIX), NULL, 16);

	return is_busy && is_busy(id & ~1ull);
}

/*
 * Clean up what all notes of files name, or what all notes of directories name.
 * Adds the notes that stay to *left. Returns 0 or -errno.
 */
static int clean_kind(int journal, DIR *notes, bool directories, bool (*is_busy)(uint64_t id),
		      bool tell, unsigned int *left)
{
	struct dirent *entry;
	int err, result = 0;
	struct note note;
	struct stat st;
	ssize_t n;

	while ((entry = readdir(notes))) {
		if (!is_temporary(entry->d_name) || is_active(entry->d_name, is_busy))
			continue;
		n = readlinkat(journal, entry->d_name, note.text, sizeof(note.text) - 1);
		/* This is not a link but a file that somebody put there. */
		if (n < 0)
			continue;
		note.text[n] = '\0';
		note.name = entry->d_name;
		parse(&note);
		if (directories != (note.kind == NOTE_DIRECTORIES))
			continue;
		err = clean_one(journal, &note, tell);
		if (err)
			result = err;
		if (fstatat(journal, note.name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			++*left;
	}
	return result;
}

int journal_clean(int journal, bool (*is_busy)(uint64_t id), bool tell, unsigned int *left)
{
	int err, second;
	DIR *notes;

	*left = 0;
	if (journal < 0)
		return 0;
	notes = open_entries(journal);
	if (!notes) {
		err = -errno;
		if (tell)
			log_line(LOG_WARNING, "cannot read the state directory: %s",
				 strerror(-err));
		return err;
	}
	/* The files come first, because a directory must be empty. */
	err = clean_kind(journal, notes, false, is_busy, tell, left);
	rewinddir(notes);
	second = clean_kind(journal, notes, true, is_busy, tell, left);
	closedir(notes);
	return err ? err : second;
}
