// SPDX-License-Identifier: GPL-2.0-only
/* Test max-total= and max-files=: what counts, and when a copy is refused. */
#include <sys/mount.h>

#include "../../daemons/fcopy/usage.h"
#include "fcopy_test.h"
#include "test_log.h"
#include "test_policy.h"

static struct failure failure;
static uint64_t left;

static enum refusal check(const char *path, int how, uint64_t announced)
{
	struct destination_request request = request_for(path, "src", how);
	int files = open_files();
	struct destination to;
	enum refusal refusal;

	if (!expect_int(destination_resolve(&request, &policy, &to, &failure), REFUSAL_NONE))
		return REFUSAL_COUNT;
	refusal = usage_check(&policy, &to, announced, &left, &failure);
	destination_close(&to, false);
	expect_int(open_files(), files);
	return refusal;
}

TEST_F(with_places, without_a_limit)
{
	mkdir("a", 0755);
	default_policy();
	expect_int(check(in("a/f"), 0, UINT64_MAX), REFUSAL_NONE);
	expect(left == UINT64_MAX);
	PLACES("+a");
	expect_int(check(in("a/f"), 0, UINT64_MAX), REFUSAL_NONE);
	expect(left == UINT64_MAX);
}

TEST_F(with_places, bytes_of_all_files)
{
	make_tree("a/b/");
	make_file("a/three", "123");
	make_file("a/b/two", "12");
	expect(symlink("three", "a/link") == 0);
	PLACES("+a");
	policy.places[0].max_total = 10;
	expect_int(check(in("a/f"), 0, 5), REFUSAL_NONE);
	expect_int(left, 5);
	expect_int(check(in("a/b/f"), 0, 6), REFUSAL_MAX_TOTAL);
	expect(strstr(failure.detail, "places.conf:1"));
	/* A file that the copy replaces makes room. */
	expect_int(check(in("a/three"), FORCE, 8), REFUSAL_NONE);
	expect_int(left, 8);
	expect_int(check(in("a/three"), FORCE, 9), REFUSAL_MAX_TOTAL);
	policy.places[0].max_total = 3;
	expect_int(check(in("a/f"), 0, 0), REFUSAL_MAX_TOTAL);
	expect_int(check(in("a/three"), FORCE, 1), REFUSAL_NONE);
}

TEST_F(with_places, number_of_files)
{
	make_tree("a/b/f");
	PLACES("+a");
	policy.places[0].max_files = 3;
	expect_int(check(in("a/g"), 0, 0), REFUSAL_NONE);
	/* A new directory counts, too. */
	expect_int(check(in("a/x/g"), CREATE, 0), REFUSAL_MAX_FILES);
	policy.places[0].max_files = 2;
	expect_int(check(in("a/g"), 0, 0), REFUSAL_MAX_FILES);
	expect_int(check(in("a/b/f"), FORCE, 0), REFUSAL_NONE);
	policy.places[0].max_files = 0;
	expect_int(check(in("a/g"), 0, 0), REFUSAL_MAX_FILES);
}

/* The bytes count although there are already more files than allowed. */
TEST_F(with_places, bytes_of_more_files_than_allowed)
{
	mkdir("a", 0755);
	make_file("a/f", "123");
	make_file("a/g", "123");
	make_file("a/h", "123");
	PLACES("+a");
	policy.places[0].max_files = 1;
	policy.places[0].max_total = 5;
	expect_int(check(in("a/f"), FORCE, 0), REFUSAL_MAX_TOTAL);
}

/* A deeper place has its own settings, but counts for the one above it. */
TEST_F(with_places, place_below_another)
{
	make_tree("a/b/");
	make_file("a/f", "12345");
	make_file("a/b/f", "12345");
	PLACES("+a", "+a/b");
	policy.places[0].max_total = 12;
	policy.places[1].max_total = 6;
	expect_int(check(in("a/b/g"), 0, 1), REFUSAL_NONE);
	expect_int(left, 1);
	expect_int(check(in("a/b/g"), 0, 2), REFUSAL_MAX_TOTAL);
	expect(strstr(failure.detail, "places.conf:2"));
	policy.places[1].max_total = 100;
	expect_int(check(in("a/b/g"), 0, 2), REFUSAL_NONE);
	expect_int(check(in("a/b/g"), 0, 3), REFUSAL_MAX_TOTAL);
	expect(strstr(failure.detail, "places.conf:1"));
}

TEST_F(own_mounts, file_system_below_the_place)
{
	make_tree("a/m/");
	mount_tmpfs("a/m", NULL);
	make_file("a/f", "12345");
	make_file("a/m/f", "12345");
	PLACES("+a");
	policy.places[0].max_total = 10;
	/* A user's mount that hangs must not stop the copies beside it. */
	expect_int(check(in("a/g"), 0, 5), REFUSAL_NONE);
	expect_int(check(in("a/g"), 0, 6), REFUSAL_MAX_TOTAL);
	/* Its files count for a copy that goes there. */
	expect_int(check(in("a/m/g"), 0, 0), REFUSAL_NONE);
	expect_int(check(in("a/m/g"), 0, 1), REFUSAL_MAX_TOTAL);
	/* So do those of a file system that only another one leads to. */
	make_tree("a/m/n/d/");
	mount_tmpfs("a/m/n", NULL);
	make_tree("a/m/n/d/");
	make_file("a/m/n/f", "1234");
	expect_int(check(in("a/m/n/d/g"), 0, 1), REFUSAL_NONE);
	expect_int(check(in("a/m/n/d/g"), 0, 2), REFUSAL_MAX_TOTAL);
}

TEST_F(with_places, directories_that_are_nested_deeply)
{
	char path[PATH_MAX] = "a";

	mkdir("a", 0755);
	PLACES("+a");
	policy.places[0].max_files = 1000;
	for (int i = 0; i < 200; i++) {
		strcat(path, "/d");
		expect(mkdir(path, 0755) == 0);
	}
	expect_int(check(in("a/f"), 0, 0), REFUSAL_NAME_TOO_LONG);
	expect(strstr(failure.detail, "cannot be counted"));
}

TEST_MAIN
