/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_POLICY_H
#define FCOPY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "identity.h"
#include "path.h"

/*
 * The policy is what the administrator of the guest lets the host do: a table
 * of places; see fcopyd.conf(5). No policy can open /proc, /sys and /dev; see
 * path.h.
 */

/** The limit of an SELinux context, with its NUL */
#define POLICY_LABEL_SIZE 512

/** The settings of a place */
struct settings {
	int mode;		  /* of a new file; -1: 0644 less the umask */
	int directory_mode;	  /* of a directory that a copy creates; -1: 0755 less the umask */
	bool has_user;		  /* the policy names the owner of new files and directories */
	bool has_group;		  /* the policy names their group */
	struct identity identity; /* that user */
	gid_t gid;		  /* that group */
	char label[POLICY_LABEL_SIZE]; /* SELinux context of new files; "": the directory's */
	uint64_t max_size;	       /* bytes of a file */

	/*
	 * The space that a file must leave free in its file system. With
	 * min_free_default the smaller of both numbers counts; otherwise one of
	 * them is 0.
	 */
	bool min_free_default;
	uint64_t min_free;	       /* bytes */
	unsigned int min_free_percent; /* of the bytes, and of the inodes */
};

/** settings_identity() - return the user of a place, or NULL for the daemon */
static inline const struct identity *settings_identity(const struct settings *settings)
{
	return settings->has_user ? &settings->identity : NULL;
}

/** A section of fcopyd.conf(5): what the host may do below a directory */
struct place {
	char *path;	    /* absolute, without links, dots and a '/' at its end; "" is the root */
	char *source;	    /* FILE:LINE of its section */
	bool enable;	    /* allow copies */
	uint64_t max_total; /* bytes of all files in it and below it */
	uint64_t max_files; /* files and directories in it and below it */
	struct settings settings;
	unsigned int named; /* the keys that the section names, for config.c */
};

struct policy {
	/*
	 * The deepest place at or above the target decides. Without any place
	 * the host may write everywhere, with the settings of @everywhere.
	 */
	struct place *places;
	size_t count;
	struct place everywhere;
	char *file; /* fcopyd.conf, which the host may not write; NULL: none */
};

/** place_name() - return the path of @place for messages */
static inline const char *place_name(const struct place *place)
{
	return *place->path ? place->path : "/";
}

/** place_covers() - whether @path, in the form of place->path, is in @place */
static inline bool place_covers(const struct place *place, const char *path)
{
	return path_is_below(path, place->path);
}

#define POLICY_MIN_FREE		(16ull << 20)
#define POLICY_MIN_FREE_PERCENT 5

/** With these settings Copy-VMFile behaves as Microsoft documents it */
#define SETTINGS_DEFAULTS              \
	{ .mode = -1,                  \
	  .directory_mode = -1,        \
	  .max_size = UINT64_MAX,      \
	  .min_free_default = true,    \
	  .min_free = POLICY_MIN_FREE, \
	  .min_free_percent = POLICY_MIN_FREE_PERCENT }

#define PLACE_DEFAULTS                     \
	{ .path = (char *)"",              \
	  .source = (char *)"the default", \
	  .enable = true,                  \
	  .max_total = UINT64_MAX,         \
	  .max_files = UINT64_MAX,         \
	  .settings = SETTINGS_DEFAULTS }

#define POLICY_DEFAULTS { .everywhere = PLACE_DEFAULTS }

#endif
