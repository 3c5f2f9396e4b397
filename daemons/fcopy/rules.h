/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_RULES_H
#define FCOPY_RULES_H

#include "policy.h"
#include "refusal.h"

/*
 * The allow= and deny= rules of fcopyd.conf(5). Directories and files that
 * exist are compared by device and inode, so that neither a link, nor a bind
 * mount of the directory, nor a file system that ignores case leads around a
 * rule. Only components that do not exist yet are compared as text.
 *
 * A file system that ignores case may also strip dots and blanks at the end of
 * a name, or normalize it. If the text does not tell whether a new name there
 * is the missing one that a deny= names, the rule denies it. On a file system
 * that may ignore case or not, such as FUSE, deny= ignores the case of missing
 * components, and allow= does not.
 *
 * A deny= for a file covers each of its hard links. An allow= covers a file
 * with a second hard link only under the name in the rule. A bind mount of a
 * directory below the rule's place is another place and needs a rule of its
 * own.
 */

struct rules_decision {
	bool allowed;
	bool doubtful;			/* @rule denies, and may be for another name */
	const struct policy_rule *rule;	/* NULL: no rule applies */
};

/**
 * rules_decide() - find the rule that decides about a target
 * @dir: a directory that exists
 * @below: the target, relative to @dir. Components before the last one do not
 *	exist. The last one may exist, as anything but a directory.
 *
 * Returns REFUSAL_NONE with a decision; or why a rule cannot be looked up, in
 * which case the caller must refuse, too.
 */
enum refusal rules_decide(const struct policy *policy, int dir, const char *below,
			  struct rules_decision *decision, struct failure *failure);

/**
 * rules_check() - rules_decide(), and REFUSAL_RULE if that says no
 * @place: the path of @dir, for the failure's detail
 */
enum refusal rules_check(const struct policy *policy, int dir, const char *place, const char *below,
			 struct rules_decision *decision, struct failure *failure);

/**
 * rules_warn() - log a warning for each rule that has no effect as things are
 * now
 *
 * These are a rule whose place does not exist, one that another rule repeats
 * or overrides, one inside a place of the kernel, and one whose path goes
 * through a link that the walk does not follow.
 *
 * Returns the number of warnings.
 */
unsigned int rules_warn(const struct policy *policy);

#endif
