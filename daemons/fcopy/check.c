// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <string.h>

#include "check.h"
#include "hresult.h"
#include "log.h"

#define TEXT_SIZE (2 * PATH_MAX)

static void print_rule(const struct policy *policy, const struct destination *to, FILE *out)
{
	const struct policy_rule *rule = to->decision.rule;
	bool any_allow = false;
	char escaped[TEXT_SIZE];

	if (rule) {
		log_escape(escaped, sizeof(escaped), rule->path);
		fprintf(out, "rule: %s=%s (%s)\n", rule->allow ? "allow" : "deny", escaped,
			rule->source);
		return;
	}
	for (size_t i = 0; i < policy->count; i++)
		any_allow |= policy->rules[i].allow;
	fprintf(out, "rule: none covers it; what no rule covers is %s\n",
		any_allow ? "refused, as there is an allow=" : "allowed");
}

static void print_target(const struct destination_request *request, const struct destination *to,
			 FILE *out)
{
	char escaped[TEXT_SIZE];

	log_escape(escaped, sizeof(escaped), to->directory);
	fprintf(out, "directory: %s/\n", escaped);
	if (*to->missing) {
		log_escape(escaped, sizeof(escaped), to->missing);
		fprintf(out, "missing: %s%s\n", escaped, request->create ? " (would be made)" : "");
	}
	if (!*to->name)
		return;
	log_escape(escaped, sizeof(escaped), to->name);
	fprintf(out, "file: %s (%s)\n", escaped, to->into_directory ?
		"the path is a directory, so the file keeps the source's name" :
		"the path names the file itself");
	if (to->target.st_mode)
		fprintf(out, "exists: %s\n", S_ISREG(to->target.st_mode) ? "a file" :
			S_ISDIR(to->target.st_mode) ? "a directory" :
			S_ISLNK(to->target.st_mode) ? "a symbolic link" :
			"neither a file nor a link");
}

int check_path(const struct policy *policy, const struct destination_request *request, FILE *out)
{
	char text[FAILURE_DETAIL + 256], escaped[TEXT_SIZE];
	struct destination to;
	struct failure failure;
	enum refusal refusal;

	refusal = destination_resolve(request, policy, &to, &failure);
	/* The daemon checks "enable" first. */
	if (!policy->enable)
		refusal = fail(&failure, REFUSAL_DISABLED, "%s", "");
	/* With a fault in the path itself, there was no search. */
	if (refusal != REFUSAL_NAME || to.into_directory)
		print_target(request, &to, out);
	/* The search ended before the rules if it came to no name. */
	if (*to.name && (refusal == REFUSAL_NONE || to.decision.rule || refusal == REFUSAL_RULE))
		print_rule(policy, &to, out);
	if (refusal == REFUSAL_NONE) {
		fprintf(out, "result: the copy would be taken%s\n",
			to.target.st_mode ? ", and replace what is there" : "");
	} else {
		failure_text(&failure, text, sizeof(text));
		log_escape(escaped, sizeof(escaped), text);
		fprintf(out, "result: refused: %s\nhost: 0x%08" PRIx32 "\n", escaped,
			hresult_of(refusal));
	}
	destination_close(&to, false);
	return refusal == REFUSAL_NONE ? 0 : 1;
}
