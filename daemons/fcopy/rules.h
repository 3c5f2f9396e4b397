/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_RULES_H
#define FCOPY_RULES_H

#include "policy.h"
#include "refusal.h"

/*
 * These functions apply the allow= and deny= rules of fcopyd.conf(5). They
 * compare existing directories and files by device and inode. So nobody can
 * avoid a rule with a link, with a bind mount of the directory, or with a file
 * system that ignores case. They compare only components that do not exist yet
 * as text.
 *
 * A file system that ignores case may also strip dots and blanks at the end of
 * a name, or normalize it. If the text does not show whether a new name there
 * is the missing name in a deny=, the rule denies it. FUSE and some other file
 * systems may or may not ignore case. On these, deny= ignores the case of
 * missing components, and allow= does not.
 *
 * A deny= for a file covers each of its hard links. An allow= covers a file
 * with a second hard link only under the name in the rule. A bind mount of a
 * directory below the rule's place is another place and needs a rule of its
 * own.
 */

struct rules_decision {
	bool allowed;
	bool doubtful;			/* @rule denies, but may name another file */
	const struct policy_rule *rule;	/* the rule that decides, or NULL */
};

/**
 * rules_decide() - find the rule that decides about a target
 * @dir: a directory that exists
 * @below: the target, relative to @dir. Components before the last one do not
 *	exist. The last one may exist if it is not a directory.
 *
 * Returns REFUSAL_NONE with a decision. Any other result is the reason why the
 * daemon cannot look up a rule, and the caller must refuse the copy as well.
 */
enum refusal rules_decide(const struct policy *policy, int dir, const char *below,
			  struct rules_decision *decision, struct failure *failure);

/**
 * rules_check() - call rules_decide(), and return REFUSAL_RULE if it denies
 * @place: the path of @dir, for the failure's detail
 */
enum refusal rules_check(const struct policy *policy, int dir, const char *place, const char *below,
			 struct rules_decision *decision, struct failure *failure);

/**
 * rules_warn() - log a warning for each rule that has no effect at the moment
 *
 * Such a rule names a place that does not exist, repeats another rule, or is
 * overridden by one. Its place may also belong to the kernel, or its path may
 * go through a link that the walk does not follow.
 *
 * Returns the number of warnings.
 */
unsigned int rules_warn(const struct policy *policy);

#endif
