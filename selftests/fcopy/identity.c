// SPDX-License-Identifier: GPL-2.0-only
/* Test the identity with which a worker accesses the files of a place. */
#include <grp.h>
#include <sys/fsuid.h>

#include "../../daemons/fcopy/identity.h"
#include "fcopy_test.h"

static const struct identity user = { .uid = 65534, .gid = 65533, .count = 1, .groups = { 65532 } };

static bool is_own(void)
{
	gid_t groups[IDENTITY_GROUPS];
	int count = getgroups(IDENTITY_GROUPS, groups);

	return setfsuid(-1) == (int)geteuid() && setfsgid(-1) == (int)getegid() &&
	       !identity_current() && identity_uid() == geteuid() &&
	       !(count == 1 && groups[0] == 65532);
}

TEST_F(in_own_process, needs_root)
{
	if (geteuid() == 0)
		expect_int(setresuid(65531, 65531, 65531), 0);
	expect_int(identity_assume(&user), -EPERM);
	expect(is_own());
	expect_int(identity_assume(NULL), 0);
}

TEST_F(as_root, files_belong_to_the_user)
{
	mkdir("open", 0777);
	mkdir("shut", 0700);
	mkdir("group", 0770);
	mkdir("groups", 0770);
	expect(chmod("open", 0777) == 0 && chmod("group", 0770) == 0 &&
	       chmod("groups", 0770) == 0 && chmod(".", 0755) == 0);
	expect(chown("group", 0, 65533) == 0 && chown("groups", 0, 65532) == 0);
	expect_int(identity_assume(&user), 0);
	expect_int(identity_uid(), 65534);
	expect_int(mkdir("open/d", 0755), 0);
	expect(mkdir("shut/d", 0755) < 0 && errno == EACCES);
	expect_int(mkdir("group/d", 0755), 0);
	expect_int(mkdir("groups/d", 0755), 0);
	expect(chown("open/d", 0, 0) < 0 && errno == EPERM);
	expect_int(identity_assume(NULL), 0);
	expect(is_own());
	expect(belongs_to("open/d", 65534, 65533));
	expect_int(mkdir("shut/d", 0755), 0);
	expect_int(stat_of("shut/d").st_uid, 0);
}

TEST_F(as_root, one_after_another)
{
	static const struct identity other = { .uid = 65530, .gid = 65529 };

	expect_int(identity_assume(&user), 0);
	expect_int(identity_assume(&user), 0);
	expect_int(identity_assume(&other), 0);
	expect(identity_current() == &other);
	expect_int(setfsuid(-1), 65530);
	expect_int(getgroups(0, NULL), 0);
	expect_int(identity_assume(NULL), 0);
	expect(is_own());
}

TEST(own_user)
{
	const struct identity own = { .uid = geteuid(), .gid = 12345 };

	expect_int(identity_assume(&own), 0);
	expect(is_own());
}

TEST_MAIN
