// SPDX-License-Identifier: GPL-2.0-only
#include <ftw.h>
#include <grp.h>

#include "fcopy_test.h"
#include "test_policy.h"

struct policy policy = POLICY_DEFAULTS;

void default_policy(void)
{
	for (size_t i = 0; i < policy.count; i++) {
		free(policy.places[i].path);
		free(policy.places[i].source);
	}
	free(policy.places);
	policy = (struct policy)POLICY_DEFAULTS;
}

const struct fixture with_places = { .end = default_policy };
const struct fixture with_places_as_root = { .root = true, .end = default_policy };

struct place *add_place(bool enable, const char *path)
{
	struct place *place;
	char source[32];

	policy.places = realloc(policy.places, (policy.count + 1) * sizeof(*policy.places));
	if (!policy.places)
		ksft_exit_fail_perror("realloc");
	place = &policy.places[policy.count++];
	snprintf(source, sizeof(source), "places.conf:%zu", policy.count);
	*place = (struct place)PLACE_DEFAULTS;
	place->enable = enable;
	place->path = strdup(strcmp(path, "/") ? path : "");
	place->source = strdup(source);
	return place;
}

void set_places(const char *const *places)
{
	default_policy();
	for (; *places; places++)
		add_place(**places == '+', (*places)[1] == '/' ? *places + 1 : in(*places + 1));
}

void policy_without_min_free(void)
{
	default_policy();
	policy.everywhere.settings.min_free_default = false;
	policy.everywhere.settings.min_free = policy.everywhere.settings.min_free_percent = 0;
}

struct destination_request request_for(const char *path, const char *name, int how)
{
	return (struct destination_request){
		.path = path, .name = name, .force = how & FORCE, .create = how & CREATE
	};
}

static FILE *snapshot_to;

static int describe(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	long long size = S_ISDIR(st->st_mode) ? 0 : st->st_size;

	fprintf(snapshot_to, "%s %o %u:%u %lld %llu\n", path, st->st_mode, st->st_uid, st->st_gid,
		size, (unsigned long long)st->st_ino);
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

void as_user(void)
{
	if (setgroups(0, NULL) < 0 || setresgid(TEST_USER, TEST_USER, TEST_USER) < 0 ||
	    setresuid(TEST_USER, TEST_USER, TEST_USER) < 0)
		ksft_exit_fail_perror("setresuid");
}
