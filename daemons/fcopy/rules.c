// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "log.h"
#include "path.h"
#include "rules.h"

/* The oldest supported headers lack this constant. */
#ifndef FS_CASEFOLD_FL
#define FS_CASEFOLD_FL 0x40000000
#endif

/* The place that a rule currently names */
struct rule_place {
	bool found;			/* the lookup of its path succeeded */
	struct stat dir;		/* the deepest existing directory of its path */
	char below[PATH_MAX];		/* the rest of its path; "" if the rule names @dir */
	struct stat file;		/* the file there; st_mode is 0 if none */
};

/*
 * Find the place of a rule. The function follows links even with
 * follow-links=no, because the administrator wrote the rule.
 */
static enum refusal find_rule(const struct policy_rule *rule, struct rule_place *place,
			      struct path *path, struct failure *failure)
{
	enum refusal refusal;

	place->found = false;
	refusal = path_resolve(rule->path, PATH_FOLLOW_LINKS | PATH_TARGET, path, failure);
	if (refusal != REFUSAL_NONE)
		return refusal;
	memcpy(place->below, path->missing, strlen(path->missing) + 1);
	place->file.st_mode = 0;
	if (fstat(path->dir, &place->dir) < 0)
		refusal = fail_errno(failure, errno, "%s", rule->path);
	else if (*path->missing && !strchr(path->missing, '/') &&
		 fstatat(path->dir, path->missing, &place->file, AT_SYMLINK_NOFOLLOW) < 0)
		place->file.st_mode = 0;
	place->found = refusal == REFUSAL_NONE;
	close(path->dir);
	return refusal;
}

/* How the file system of a directory may change the names in it */
struct naming {
	bool folds;	/* it ignores case, or may do so */
	bool known;	/* it certainly ignores case */
	bool cuts;	/* it cuts names that are too long for it */
};

static void find_naming(int dir, struct naming *naming)
{
	struct statfs fs;
	int readable, flags = 0;

	*naming = (struct naming){ .folds = true };
	if (fstatfs(dir, &fs) < 0)
		return;
	/*
	 * vfat and msdos have the same magic number. msdos cuts names to 8
	 * characters and an extension of 3.
	 */
	naming->cuts = fs.f_namelen > 0 && fs.f_namelen < NAME_MAX;
	switch ((uint32_t)fs.f_type) {
	case 0x65735546:	/* fuse */
	case 0x01021997:	/* 9p */
	case 0x2fc12fc1:	/* zfs */
	case 0x786f4256:	/* vboxsf */
	case NFS_SUPER_MAGIC:
		return;
	case MSDOS_SUPER_MAGIC:
	case 0x2011bab0:	/* exfat */
	case 0x7366746e:	/* ntfs3 */
	case 0x5346544e:	/* ntfs */
	case 0xff534d42:	/* cifs */
	case 0xfe534d42:	/* smb2 */
	case 0x517b:		/* smbfs */
	case 0x482b:		/* hfsplus */
	case 0x4244:		/* hfs */
	case 0xadff:		/* affs */
	case 0xf995e849:	/* hpfs */
		naming->known = true;
		return;
	}
	readable = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (readable >= 0) {
		if (ioctl(readable, FS_IOC_GETFLAGS, &flags) < 0)
			flags = 0;
		close(readable);
	}
	naming->known = naming->folds = flags & FS_CASEFOLD_FL;
}

/*
 * Whether a file system that ignores case may change the component @start from
 * the position @p on. It may strip dots and blanks at the end, interpret a
 * colon as the start of a stream, or fold and normalize all but ASCII.
 */
static bool may_change(const struct naming *naming, const char *start, const char *p)
{
	const char *end = p + strspn(p, ". ");

	if (!*p || *p == '/')
		return false;
	if (naming->cuts && (p - start >= 8 || *p == '.'))
		return true;
	return (unsigned char)*p >= 0x80 || *p == ':' || (end > p && (!*end || *end == '/'));
}

/*
 * Whether such a file system may treat @below as a place at or below @above in
 * the same directory, although covers() finds a difference. It keeps the ASCII
 * characters of both before the first character that it may change.
 */
static bool may_cover(const struct naming *naming, const char *above, const char *below)
{
	const char *a = above, *b = below;

	for (;; above++, below++) {
		if (may_change(naming, a, above) || may_change(naming, b, below))
			return true;
		if (!*above || !*below || strncasecmp(above, below, 1))
			return false;
		if (*above == '/') {
			a = above + 1;
			b = below + 1;
		}
	}
}

static unsigned int components(const char *path)
{
	unsigned int n = 0;

	for (; *path; path += strcspn(path, "/")) {
		path += strspn(path, "/");
		n += *path != '\0';
	}
	return n;
}

/*
 * Return how many components of @below are covered by a rule that names @above
 * in the same directory. The result is 0 if @above is another place.
 */
static unsigned int covers(const char *above, const char *below, bool any_case)
{
	size_t n = strlen(above);

	if (any_case ? strncasecmp(above, below, n) : strncmp(above, below, n))
		return 0;
	return below[n] == '/' || !below[n] ? components(above) : 0;
}

/* Whether there is an "allow", so that the policy refuses uncovered targets */
static bool has_allow(const struct policy *policy)
{
	for (size_t i = 0; i < policy->count; i++)
		if (policy->rules[i].allow)
			return true;
	return false;
}

/*
 * Let @rule decide if it wins against the earlier rules. A deeper rule wins. Of
 * two rules at the same depth, the one that denies wins, or else the first.
 */
static void consider(struct rules_decision *decision, int *deepest, int depth,
		     const struct policy_rule *rule)
{
	if (decision->rule && (depth < *deepest || (depth == *deepest &&
						    (rule->allow || !decision->allowed))))
		return;
	*deepest = depth;
	decision->rule = rule;
	decision->allowed = rule->allow;
}

/*
 * Whether a rule for a file covers @file by its inode. A file with a second
 * hard link gets no "allow" that way, because a user may have created the link.
 */
static bool is_file_of(const struct policy_rule *rule, const struct rule_place *place,
		       const struct stat *file)
{
	return file->st_mode && place->file.st_mode && path_same_file(file, &place->file) &&
	       (!rule->allow || file->st_nlink == 1);
}

/* Whether the rule with index @i takes part in a decision without @skip */
static bool counts(const struct policy *policy, const struct rule_place *places,
		   const struct policy_rule *skip, size_t i)
{
	return places[i].found && &policy->rules[i] != skip;
}

/*
 * Consider the rules that name an existing directory. The depth is 0 for @dir,
 * -1 for the directory above it, and so on.
 */
static enum refusal climb(const struct policy *policy, const struct rule_place *places,
			  const struct policy_rule *skip, int dir, struct rules_decision *decision,
			  struct failure *failure)
{
	struct stat st, up;
	int at, parent, depth = 0, deepest = 0;

	at = openat(dir, ".", PATH_STEP);
	if (at < 0 || fstat(at, &st) < 0)
		goto err_climb;
	for (;;) {
		for (size_t i = 0; i < policy->count; i++)
			if (counts(policy, places, skip, i) && !*places[i].below &&
			    path_same_file(&places[i].dir, &st))
				consider(decision, &deepest, depth, &policy->rules[i]);
		parent = openat(at, "..", PATH_STEP);
		close(at);
		at = parent;
		if (at < 0 || fstat(at, &up) < 0)
			goto err_climb;
		if (decision->rule || path_same_file(&st, &up)) {
			close(at);
			return REFUSAL_NONE;
		}
		st = up;
		depth--;
	}

err_climb:
	fail_errno(failure, errno, "a directory above the destination");
	if (at >= 0)
		close(at);
	return failure->refusal;
}

/*
 * Apply all rules that have a place, except @skip, which may be NULL. After a
 * failure the decision allows nothing.
 */
static enum refusal decide(const struct policy *policy, const struct rule_place *places,
			   const struct policy_rule *skip, int dir, const char *below,
			   struct rules_decision *decision, struct failure *failure)
{
	struct stat st, file = { .st_mode = 0 };
	const struct policy_rule *doubt = NULL;
	struct naming naming;
	enum refusal refusal;
	int deepest = 0;

	*decision = (struct rules_decision){ .allowed = false };
	if (fstat(dir, &st) < 0)
		return fail_errno(failure, errno, "the destination");
	if (!strchr(below, '/') && fstatat(dir, below, &file, AT_SYMLINK_NOFOLLOW) < 0)
		file.st_mode = 0;
	find_naming(dir, &naming);

	for (size_t i = 0; i < policy->count; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		const struct rule_place *place = &places[i];
		unsigned int depth;

		if (!counts(policy, places, skip, i) || !*place->below)
			continue;
		if (is_file_of(rule, place, &file))
			consider(decision, &deepest, 1, rule);
		if (!path_same_file(&place->dir, &st))
			continue;
		depth = covers(place->below, below, rule->allow ? naming.known : naming.folds);
		/*
		 * If either file exists, is_file_of() has compared the inodes,
		 * so the names need not be compared.
		 */
		if (depth)
			consider(decision, &deepest, depth, rule);
		else if (!rule->allow && naming.folds && !file.st_mode && !place->file.st_mode &&
			 may_cover(&naming, place->below, below))
			doubt = rule;
	}
	if (doubt && (!decision->rule || decision->allowed)) {
		*decision = (struct rules_decision){ .rule = doubt, .doubtful = true };
		return REFUSAL_NONE;
	}
	if (decision->rule)
		return REFUSAL_NONE;
	refusal = climb(policy, places, skip, dir, decision, failure);
	if (refusal == REFUSAL_NONE && !decision->rule)
		decision->allowed = !has_allow(policy);
	return refusal;
}

enum refusal rules_decide(const struct policy *policy, int dir, const char *below,
			  struct rules_decision *decision, struct failure *failure)
{
	enum refusal refusal = REFUSAL_NONE;
	struct rule_place *places;
	struct path path;

	*decision = (struct rules_decision){ .allowed = !policy->count };
	if (!policy->count)
		return REFUSAL_NONE;
	places = calloc(policy->count, sizeof(*places));
	if (!places)
		return fail_errno(failure, ENOMEM, "%zu rules", policy->count);
	for (size_t i = 0; i < policy->count && refusal == REFUSAL_NONE; i++) {
		refusal = find_rule(&policy->rules[i], &places[i], &path, failure);
		/*
		 * A rule that the daemon cannot look up may be the one that
		 * denies this place.
		 */
		if (refusal != REFUSAL_NONE)
			decision->rule = &policy->rules[i];
	}
	if (refusal == REFUSAL_NONE)
		refusal = decide(policy, places, NULL, dir, below, decision, failure);
	free(places);
	return refusal;
}

static const char *key_of(const struct policy_rule *rule)
{
	return rule->allow ? "allow" : "deny";
}

enum refusal rules_check(const struct policy *policy, int dir, const char *place, const char *below,
			 struct rules_decision *decision, struct failure *failure)
{
	enum refusal refusal = rules_decide(policy, dir, below, decision, failure);
	const struct policy_rule *rule = decision->rule;

	if (refusal != REFUSAL_NONE && rule) {
		struct failure why = *failure;

		return fail(failure, REFUSAL_RULE,
			    "hv-fcopyd refuses every copy while it cannot look up %s=%s (%s): %s: %.300s",
			    key_of(rule), rule->path, rule->source,
			    refusal_words(why.refusal), why.detail);
	}
	if (refusal != REFUSAL_NONE || decision->allowed)
		return refusal;
	if (decision->doubtful)
		return fail(failure, REFUSAL_RULE,
			    "%.400s/%.255s: its file system may take it for deny=%.255s (%.64s), which "
			    "does not exist", place, below, rule->path, rule->source);
	if (rule)
		return fail(failure, REFUSAL_RULE, "deny=%.500s (%s) covers %s/%s", rule->path,
			    rule->source, place, below);
	return fail(failure, REFUSAL_RULE, "no allow= covers %s/%s", place, below);
}

static bool same_place(const struct rule_place *a, const struct rule_place *b)
{
	return path_same_file(&a->dir, &b->dir) && !strcmp(a->below, b->below);
}

/* Warn about a rule that changes no decision. Returns whether it warned. */
static bool warn_ineffective(const struct policy *policy, const struct rule_place *places, size_t i,
		      int dir)
{
	const struct policy_rule *rule = &policy->rules[i];
	struct rules_decision all, others;
	struct failure failure;

	if (decide(policy, places, NULL, dir, places[i].below, &all, &failure) != REFUSAL_NONE ||
	    decide(policy, places, rule, dir, places[i].below, &others, &failure) != REFUSAL_NONE)
		return false;
	/* It is not known whether the two names are the same. */
	if (all.doubtful || others.doubtful)
		return false;
	if (all.rule && all.rule != rule && all.allowed != rule->allow) {
		log_line(LOG_WARNING, "%s: %s=%s has no effect: %s=%s (%s) overrides it", rule->source,
			 key_of(rule), rule->path, key_of(all.rule), all.rule->path,
			 all.rule->source);
		return true;
	}
	if (others.allowed != rule->allow)
		return false;
	/*
	 * If two rules are equal, only the later one gets the warning that it
	 * repeats the other.
	 */
	if (others.rule > rule && same_place(&places[i], &places[others.rule - policy->rules]))
		return false;
	if (others.rule)
		log_line(LOG_WARNING, "%s: %s=%s has no effect: %s=%s (%s) says the same", rule->source,
			 key_of(rule), rule->path, key_of(others.rule), others.rule->path,
			 others.rule->source);
	else
		log_line(LOG_WARNING, "%s: %s=%s is not needed: hv-fcopyd %s what no rule covers anyway",
			 rule->source, key_of(rule), rule->path, rule->allow ? "allows" : "refuses");
	return true;
}

static unsigned int warn_about(const struct policy *policy, const struct rule_place *places,
			       size_t i)
{
	const struct policy_rule *rule = &policy->rules[i];
	struct failure failure;
	unsigned int warnings = 0;
	struct path path;
	struct stat st;
	char text[1280];

	if (path_resolve(rule->path, PATH_FOLLOW_LINKS | PATH_TARGET, &path, &failure) !=
	    REFUSAL_NONE) {
		failure_text(&failure, text, sizeof(text));
		log_line(LOG_WARNING, "%s: %s=%s cannot be looked up, so hv-fcopyd refuses every copy: %s",
			 rule->source, key_of(rule), rule->path, text);
		return 1;
	}
	if (path_check_place(path.dir, path.place, &failure) != REFUSAL_NONE) {
		log_line(LOG_WARNING, "%s: %s=%s has no effect: nothing ever goes to %s",
			 rule->source, key_of(rule), rule->path, "/proc, /sys and /dev");
		warnings++;
	} else {
		if (*path.missing &&
		    fstatat(path.dir, path.missing, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			log_line(LOG_WARNING, "%s: %s=%s: there is no file or directory %s/%s%s",
				 rule->source, key_of(rule), rule->path, path.place, path.missing,
				 rule->allow ? "; a copy to it would create a file" : "");
			warnings++;
		}
		warnings += warn_ineffective(policy, places, i, path.dir);
	}
	close(path.dir);
	return warnings;
}

unsigned int rules_warn(const struct policy *policy)
{
	unsigned int warnings = 0;
	struct rule_place *places;
	struct failure failure;
	struct path path;

	places = calloc(policy->count + 1, sizeof(*places));
	if (!places)
		return 0;
	for (size_t i = 0; i < policy->count; i++)
		find_rule(&policy->rules[i], &places[i], &path, &failure);
	for (size_t i = 0; i < policy->count; i++)
		warnings += warn_about(policy, places, i);
	free(places);
	return warnings;
}
