// SPDX-License-Identifier: GPL-2.0-only
#include <ftw.h>
#include <grp.h>

#include "fcopy_test.h"
#include "test_policy.h"

struct policy policy = POLICY_DEFAULTS;

void default_policy(void)
{
	for (size_t i = 0; i < policy.count; i++) {
		free(policy.rules[i].path);
		free(policy.rules[i].source);
	}
	free(policy.rules);
	policy = (struct policy)POLICY_DEFAULTS;
}

void add_rule(bool allow, const char *path)
{
	struct policy_rule *rule;
	char source[32];

	policy.rules = realloc(policy.rules, (policy.count + 1) * sizeof(*policy.rules));
	if (!policy.rules)
		ksft_exit_fail_perror("realloc");
	rule = &policy.rules[policy.count++];
	snprintf(source, sizeof(source), "rules.conf:%zu", policy.count);
	rule->allow = allow;
	rule->path = strdup(path);
	rule->source = strdup(source);
}

void set_rules(const char *const *rules)
{
	default_policy();
	for (; *rules; rules++)
		add_rule(**rules == '+', (*rules)[1] == '/' ? *rules + 1 : in(*rules + 1));
}

static FILE *snapshot_to;

static int describe(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	fprintf(snapshot_to, "%s %o %u:%u %lld %llu\n", path, st->st_mode, st->st_uid, st->st_gid,
		S_ISDIR(st->st_mode) ? 0LL : (long long)st->st_size, (unsigned long long)st->st_ino);
	return 0;
}

char *snapshot(const char *path)
{
	char *text = NULL;
	size_t size;

	snapshot_to = open_memstream(&text, &size);
	if (!snapshot_to || nftw(path, describe, 16, FTW_PHYS) < 0)
		ksft_exit_fail_perror(path);
	fclose(snapshot_to);
	return text;
}

bool as_user(void)
{
	return geteuid() == 0 && setgroups(0, NULL) == 0 &&
	       setresgid(TEST_USER, TEST_USER, TEST_USER) == 0 &&
	       setresuid(TEST_USER, TEST_USER, TEST_USER) == 0;
}
