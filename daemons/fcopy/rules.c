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

/* Not in the headers of the oldest systems that this builds on */
#ifndef FS_CASEFOLD_FL
#define FS_CASEFOLD_FL 0x40000000
#endif

/* Where a rule is now */
struct rule_place {
	struct stat dir;		/* the deepest directory of its path that exists */
	char below[PATH_MAX];		/* the rest of its path; "": the rule names the directory itself */
	struct stat file;		/* what exists there, if that is no directory; st_mode 0: nothing */
};

/* Rules are the administrator's own words: their links count whatever follow-links says. */
static enum refusal find_rule(const struct policy_rule *rule, struct rule_place *place,
			      struct path *path, struct failure *failure)
{
	enum refusal refusal;

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
	close(path->dir);
	return refusal;
}

/* Whether @dir does not tell "A" from "a" */
static bool ignores_case(int dir)
{
	struct statfs fs;
	int readable, flags = 0;

	if (fstatfs(dir, &fs) < 0)
		return true;
	switch ((uint32_t)fs.f_type) {
	case MSDOS_SUPER_MAGIC:
	case 0x2011bab0:	/* exfat */
	case 0x7366746e:	/* ntfs3 */
	case 0x5346544e:	/* ntfs */
	case 0xff534d42:	/* cifs */
	case 0xfe534d42:	/* smb2 */
	case 0x517b:		/* smbfs */
		return true;
	}
	readable = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (readable < 0)
		return false;
	if (ioctl(readable, FS_IOC_GETFLAGS, &flags) < 0)
		flags = 0;
	close(readable);
	return flags & FS_CASEFOLD_FL;
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

/* How many components of @below a rule that names @above in the same directory covers; 0: another place */
static unsigned int covers(const char *above, const char *below, bool any_case)
{
	size_t n = strlen(above);

	if (any_case ? strncasecmp(above, below, n) : strncmp(above, below, n))
		return 0;
	return below[n] == '/' || !below[n] ? components(above) : 0;
}

/* A deeper rule wins; of two at the same depth the one that denies. */
static void consider(struct rules_decision *decision, int *deepest, int depth,
		     const struct policy_rule *rule)
{
	if (depth < *deepest || (decision->rule && depth == *deepest && rule->allow))
		return;
	*deepest = depth;
	decision->rule = rule;
	decision->allowed = rule->allow;
}

/* The rules that name a directory which exists: depth 0 is @dir, -1 the one above it, and so on. */
static enum refusal climb(const struct policy *policy, const struct rule_place *places, int dir,
			  struct rules_decision *decision, int *deepest, struct failure *failure)
{
	struct stat st, up;
	int at, parent, depth = 0;

	at = openat(dir, ".", PATH_STEP);
	if (at < 0 || fstat(at, &st) < 0)
		goto err_climb;
	for (;;) {
		for (size_t i = 0; i < policy->count; i++)
			if (!*places[i].below && path_same_file(&places[i].dir, &st))
				consider(decision, deepest, depth, &policy->rules[i]);
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

static enum refusal decide(const struct policy *policy, struct rule_place *places, int dir,
			   const char *below, struct rules_decision *decision,
			   struct failure *failure)
{
	struct stat st, file = { .st_mode = 0 };
	bool any_case = ignores_case(dir);
	int deepest = -PATH_MAX;
	bool allowed = true;
	struct path path;

	if (fstat(dir, &st) < 0)
		return fail_errno(failure, errno, "the destination");
	if (!strchr(below, '/') && fstatat(dir, below, &file, AT_SYMLINK_NOFOLLOW) < 0)
		file.st_mode = 0;

	for (size_t i = 0; i < policy->count; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		unsigned int depth;

		allowed &= !rule->allow;
		if (find_rule(rule, &places[i], &path, failure) != REFUSAL_NONE) {
			/* What cannot be understood may be what forbids this place. */
			decision->rule = rule;
			decision->allowed = false;
			return failure->refusal;
		}
		if (!*places[i].below)
			continue;
		if (file.st_mode && places[i].file.st_mode &&
		    path_same_file(&file, &places[i].file))
			consider(decision, &deepest, 1, rule);
		if (!path_same_file(&places[i].dir, &st))
			continue;
		depth = covers(places[i].below, below, any_case);
		if (depth)
			consider(decision, &deepest, depth, rule);
	}
	if (decision->rule)
		return REFUSAL_NONE;
	decision->allowed = allowed;
	return climb(policy, places, dir, decision, &deepest, failure);
}

enum refusal rules_decide(const struct policy *policy, int dir, const char *below,
			  struct rules_decision *decision, struct failure *failure)
{
	struct rule_place *places;
	enum refusal refusal;

	*decision = (struct rules_decision){ .allowed = true };
	if (!policy->count)
		return REFUSAL_NONE;
	places = calloc(policy->count, sizeof(*places));
	if (!places)
		return fail_errno(failure, ENOMEM, "%zu rules", policy->count);
	refusal = decide(policy, places, dir, below, decision, failure);
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

		return fail(failure, REFUSAL_RULE, "the rule %s=%s (%s) cannot be looked up: %s: %.300s",
			    key_of(rule), rule->path, rule->source,
			    refusal_words(why.refusal), why.detail);
	}
	if (refusal != REFUSAL_NONE || decision->allowed)
		return refusal;
	if (rule)
		return fail(failure, REFUSAL_RULE, "%s/%s: deny=%s (%s)", place, below, rule->path,
			    rule->source);
	return fail(failure, REFUSAL_RULE, "%s/%s: no allow= covers it", place, below);
}

/* What the rules but @skip decide about the place of a rule; @skip NULL: all of them */
static void decide_without(const struct policy *policy, const struct policy_rule *skip,
			   const struct path *path, struct rules_decision *decision)
{
	struct policy others = *policy;
	struct failure failure;
	bool allowed = true;

	*decision = (struct rules_decision){ .allowed = false };
	others.rules = calloc(policy->count + 1, sizeof(*others.rules));
	if (!others.rules)
		return;
	others.count = 0;
	for (size_t i = 0; i < policy->count; i++) {
		allowed &= !policy->rules[i].allow;
		if (&policy->rules[i] != skip)
			others.rules[others.count++] = policy->rules[i];
	}
	rules_decide(&others, path->dir, path->missing, decision, &failure);
	for (size_t i = 0; decision->rule && i < policy->count; i++) {
		if (policy->rules[i].source == decision->rule->source) {
			decision->rule = &policy->rules[i];
			break;
		}
	}
	free(others.rules);
	/* An "allow" decides also about what no rule covers. */
	if (!decision->rule)
		decision->allowed = allowed;
}

/* Returns whether it warned. */
static bool warn_void(const struct policy *policy, const struct policy_rule *rule,
		      const struct path *path)
{
	struct rules_decision all, others;

	decide_without(policy, NULL, path, &all);
	if (all.rule && all.rule != rule && all.allowed != rule->allow) {
		log_line(LOG_WARNING, "%s: %s=%s has no effect: %s=%s (%s) overrides it", rule->source,
			 key_of(rule), rule->path, key_of(all.rule), all.rule->path, all.rule->source);
		return true;
	}
	decide_without(policy, rule, path, &others);
	if (others.allowed != rule->allow)
		return false;
	/* Of two rules that say the same about one place, the later one repeats the earlier. */
	if (others.rule > rule && !strcmp(others.rule->path, rule->path))
		return false;
	if (others.rule)
		log_line(LOG_WARNING, "%s: %s=%s has no effect: %s=%s (%s) says the same", rule->source,
			 key_of(rule), rule->path, key_of(others.rule), others.rule->path,
			 others.rule->source);
	else
		log_line(LOG_WARNING, "%s: %s=%s has no effect: what no rule covers is %s anyway",
			 rule->source, key_of(rule), rule->path, rule->allow ? "allowed" : "refused");
	return true;
}

static unsigned int warn_about(const struct policy *policy, const struct policy_rule *rule)
{
	struct failure failure;
	unsigned int warnings = 0;
	struct path path;
	struct stat st;
	char text[1280];

	if (path_resolve(rule->path, PATH_FOLLOW_LINKS | PATH_TARGET, &path, &failure) !=
	    REFUSAL_NONE) {
		failure_text(&failure, text, sizeof(text));
		log_line(LOG_WARNING, "%s: %s=%s cannot be looked up, so every copy is refused: %s",
			 rule->source, key_of(rule), rule->path, text);
		return 1;
	}
	if (path_check_place(path.dir, path.place, &failure) != REFUSAL_NONE) {
		log_line(LOG_WARNING, "%s: %s=%s has no effect: nothing ever goes to %s",
			 rule->source, key_of(rule), rule->path, "/proc, /sys and /dev");
		warnings++;
	} else {
		if (*path.missing && fstatat(path.dir, path.missing, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			log_line(LOG_WARNING, "%s: %s=%s: there is no file or directory %s/%s",
				 rule->source, key_of(rule), rule->path, path.place, path.missing);
			warnings++;
		}
		warnings += warn_void(policy, rule, &path);
	}
	close(path.dir);
	return warnings;
}

unsigned int rules_warn(const struct policy *policy)
{
	unsigned int warnings = 0;

	for (size_t i = 0; i < policy->count; i++)
		warnings += warn_about(policy, &policy->rules[i]);
	return warnings;
}
