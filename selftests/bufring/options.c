// SPDX-License-Identifier: GPL-2.0-only
/*
 * These tests check structs that later versions make longer. All structs of
 * version 0.1 have their first size, so the tests call the internal function
 * with three different sizes.
 */

#include "../../lib/internal.h"
#include "model.h"

#define FIRST	16u   /* bytes of the struct in its first version, */
#define NOW	28u   /* in the version of the library, */
#define LATER	40u   /* and in a later one */
#define LARGEST 4096u /* no version exceeds this size */

/*
 * Copy the struct of a program, which has @size bytes that are not zero, with
 * @zeros zeros at its end. Its memory ends in a page without access.
 */
static int copy(unsigned char *to, size_t size, size_t zeros)
{
	unsigned char *from = guarded(size);
	int err;

	for (size_t i = 0; i < size; i++)
		from[i] = i < size - zeros ? i + 1 : 0;
	memset(to, 0xee, LATER);
	err = copy_struct(to, NOW, from, size, FIRST);
	guarded_free(from, size);
	return err;
}

/*
 * Whether the copy has @count bytes of the program, then zeros, and nothing
 * beyond its end.
 */
static bool has(const unsigned char *to, size_t count)
{
	for (size_t i = 0; i < LATER; i++)
		if (to[i] != (i < count ? i + 1 : i < NOW ? 0 : 0xee))
			return false;
	return true;
}

TEST(an_older_program_has_fewer_members)
{
	unsigned char to[LATER];

	for (size_t size = FIRST; size < NOW; size += 4) {
		CHECK_IS(copy(to, size, 0), 0);
		CHECK(has(to, size));
	}
	CHECK_IS(copy(to, NOW, 0), 0);
	CHECK(has(to, NOW));
}

TEST(a_newer_program_must_clear_what_is_unknown)
{
	unsigned char to[LATER];

	CHECK_IS(copy(to, LATER, LATER - NOW), 0);
	CHECK(has(to, NOW));
	for (size_t known = NOW + 1; known <= LATER; known++) {
		CHECK_IS(copy(to, LATER, LATER - known), -E2BIG);
		CHECK(strstr(error_text(), "knows 28 bytes") && strstr(error_text(), "byte at 28"));
	}
	CHECK_IS(copy(to, LARGEST, LARGEST - NOW), 0);
	CHECK(has(to, NOW));
	CHECK_IS(copy(to, LARGEST + 4, LARGEST + 4 - NOW), -E2BIG);
}

TEST(a_struct_below_its_first_size)
{
	unsigned char to[LATER];

	for (size_t size = 4; size < FIRST; size += 4) {
		CHECK_FAILS(copy(to, size, 0), -EINVAL,
			    "16 bytes in version 0.1, and 28 in this one");
	}
}

TEST_HARNESS_MAIN
