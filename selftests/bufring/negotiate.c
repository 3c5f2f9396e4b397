// SPDX-License-Identifier: GPL-2.0-only
/* These tests negotiate versions, also with a host that lies. */

#include "../../lib/vmbus_ic_messages.h"
#include "../../lib/internal.h"
#include "model.h"

/* The sizes on the wire */
_Static_assert(sizeof(struct vmbus_ic_heartbeat) == 40 &&
		       sizeof(struct vmbus_ic_shutdown) == 2060 &&
		       sizeof(struct vmbus_ic_time) == 25 &&
		       sizeof(struct vmbus_ic_time_reference) == 22 &&
		       sizeof(struct vmbus_ic_kvp_exchange) == 2576 &&
		       sizeof(struct vmbus_ic_kvp_enumerate) == 2580 &&
		       sizeof(struct vmbus_ic_kvp_delete) == 520 &&
		       sizeof(struct vmbus_ic_kvp_ip) == 7430,
	       "a message has another size");

#define V(major, minor) { major, minor }

static const struct vmbus_ic_version fw[] = { V(3, 0), V(1, 0) };
static const struct vmbus_ic_version srv[] = { V(1, 1), V(1, 0) };
static const struct vmbus_ic_options options = {
	.frameworks = fw,
	.framework_count = 2,
	.messages = srv,
	.message_count = 2,
};

/*
 * Make a message at the end of a page, so that an access after it is a crash.
 */
static unsigned char *message(size_t len)
{
	unsigned char *msg = guarded(len);

	memset(msg, 0, len);
	return msg;
}

static void put(unsigned char *msg, size_t at, uint64_t value, size_t bytes)
{
	memcpy(msg + at, &value, bytes);
}

static unsigned int get16(const unsigned char *msg, size_t at)
{
	return msg[at] | msg[at + 1] << 8;
}

/* The host's message by the offsets of the wire: 28 counts, 36 versions */
static unsigned char *offer(const struct vmbus_ic_version *f, size_t nf,
			    const struct vmbus_ic_version *s, size_t ns, size_t *len)
{
	unsigned char *msg;

	*len = 36 + 4 * (nf + ns);
	msg = message(*len);
	put(msg, 4, *len - 8, 4);
	put(msg, 18, 8 + 4 * (nf + ns), 2);
	put(msg, 20, 0xdeadbeef, 4);
	put(msg, 24, 42, 1);
	put(msg, 25, 3, 1);
	put(msg, 28, nf, 2);
	put(msg, 30, ns, 2);
	for (size_t i = 0; i < nf; i++)
		memcpy(msg + 36 + 4 * i, &f[i], 4);
	for (size_t i = 0; i < ns; i++)
		memcpy(msg + 36 + 4 * (nf + i), &s[i], 4);
	return msg;
}

static void the_preferred_common_version_is_agreed(void)
{
	const struct vmbus_ic_version host_fw[] = { V(1, 0), V(3, 0), V(9, 9) };
	const struct vmbus_ic_version host_srv[] = { V(1, 0), V(7, 7) };
	struct vmbus_ic_version f, s;
	size_t len;
	unsigned char *msg = offer(host_fw, 3, host_srv, 2, &len);

	CHECK_IS(ic_negotiate(msg, len, &options, &f, &s), 0);
	CHECK(f.major == 3 && f.minor == 0);
	CHECK(s.major == 1 && s.minor == 0);
	CHECK_IS(get16(msg, 8 + 4), VMBUS_IC_NEGOTIATE);
	CHECK_IS(get16(msg, 18), 0x10);
	CHECK_IS(get16(msg, 20) | get16(msg, 22), 0);
	CHECK_IS(msg[24], 42);
	CHECK_IS(msg[25], 5);
	CHECK_IS(get16(msg, 28), 1);
	CHECK_IS(get16(msg, 30), 1);
	CHECK_IS(get16(msg, 36), 3);
	CHECK_IS(get16(msg, 38), 0);
	CHECK_IS(get16(msg, 40), 1);
	CHECK_IS(get16(msg, 42), 0);
	guarded_free(msg, len);
}

static void nothing_in_common_is_said(void)
{
	const struct vmbus_ic_version other[] = { V(8, 8) };
	struct vmbus_ic_version f = V(4, 4), s = V(5, 5);
	size_t len;
	unsigned char *msg;

	msg = offer(other, 1, srv, 2, &len);
	CHECK_IS(ic_negotiate(msg, len, &options, &f, &s), -EPROTONOSUPPORT);
	CHECK_IS(get16(msg, 28), 0);
	CHECK_IS(get16(msg, 30), 0);
	CHECK_IS(msg[25], 5);
	CHECK_IS(f.major, 4);
	CHECK_IS(s.major, 5);
	guarded_free(msg, len);

	msg = offer(fw, 2, other, 1, &len);
	CHECK_IS(ic_negotiate(msg, len, &options, &f, &s), -EPROTONOSUPPORT);
	guarded_free(msg, len);
	msg = offer(fw, 0, srv, 0, &len);
	CHECK_IS(ic_negotiate(msg, len, &options, &f, &s), -EPROTONOSUPPORT);
	guarded_free(msg, len);
	msg = offer(fw, 1, srv, 0, &len);
	CHECK_IS(ic_negotiate(msg, len, &options, &f, &s), -EPROTONOSUPPORT);
	guarded_free(msg, len);
}

static void counts_are_bounded(void)
{
	static const unsigned int lies[][2] = {
		{ 101, 1 },   { 1, 101 },   { 65535, 65535 }, { 65535, 1 },
		{ 0, 65535 }, { 100, 100 }, { 3, 2 },	      { 2, 3 },
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct vmbus_ic_version f, s;
		unsigned char before[52];
		size_t len;
		unsigned char *msg = offer(fw, 2, srv, 2, &len);

		put(msg, 28, lies[i][0], 2);
		put(msg, 30, lies[i][1], 2);
		memcpy(before, msg, len);
		CHECK_IS(ic_negotiate(msg, len, &options, &f, &s), -EPROTO);
		CHECK(!memcmp(before, msg, len));
		guarded_free(msg, len);
	}
}

static void every_short_length_is_refused(void)
{
	size_t full;
	unsigned char *whole = offer(fw, 2, srv, 2, &full);

	for (size_t len = 0; len < full; len++) {
		unsigned char *msg = message(len ? len : 1);
		struct vmbus_ic_version f, s;
		struct vmbus_ic_header hdr;

		memcpy(msg, whole, len);
		CHECK_IS(ic_negotiate(msg, len, &options, &f, &s), -EPROTO);
		CHECK_IS(ic_parse(msg, len, &hdr), len < 28 ? -EPROTO : 0);
		guarded_free(msg, len ? len : 1);
	}
	guarded_free(whole, full);
}

static void the_most_versions_are_taken(void)
{
	struct vmbus_ic_version many[101] = { 0 }, f, s;
	struct vmbus_ic_options hundred = options;
	unsigned char *msg;
	size_t len;

	for (int i = 0; i < 100; i++)
		many[i] = (struct vmbus_ic_version){ 100 + i, 1 };
	many[99] = (struct vmbus_ic_version)V(1, 1);
	hundred.frameworks = many;
	hundred.framework_count = 100;
	msg = offer(many, 100, many, 100, &len);
	CHECK_IS(ic_negotiate(msg, len, &hundred, &f, &s), 0);
	CHECK(s.major == 1 && s.minor == 1);
	guarded_free(msg, len);

	/* One more version is refused, although the message is complete. */
	msg = offer(many, 101, many, 100, &len);
	CHECK_IS(ic_negotiate(msg, len, &hundred, &f, &s), -EPROTO);
	guarded_free(msg, len);
	msg = offer(many, 100, many, 101, &len);
	CHECK_IS(ic_negotiate(msg, len, &hundred, &f, &s), -EPROTO);
	guarded_free(msg, len);
}

static void only_a_negotiation_is_one(void)
{
	struct vmbus_ic_version f, s;
	size_t len;
	unsigned char *msg = offer(fw, 2, srv, 2, &len);

	put(msg, 12, VMBUS_IC_FCOPY, 2);
	CHECK_IS(ic_negotiate(msg, len, &options, &f, &s), -EPROTO);
	guarded_free(msg, len);
}

static void header_and_answer(void)
{
	struct vmbus_ic_header hdr;
	unsigned char *msg = message(40);

	put(msg, 8, 3, 2);
	put(msg, 12, VMBUS_IC_FCOPY, 2);
	put(msg, 14, 1, 2);
	put(msg, 16, 1, 2);
	put(msg, 18, 65535, 2);
	put(msg, 24, 9, 1);
	put(msg, 25, 3, 1);
	CHECK_IS(ic_parse(msg, 40, &hdr), 0);
	CHECK_IS(hdr.type, VMBUS_IC_FCOPY);
	CHECK_IS(hdr.framework.major, 3);
	CHECK_IS(hdr.message.major, 1);
	CHECK_IS(hdr.message.minor, 1);
	CHECK_IS(hdr.size, 65535);
	CHECK_IS(hdr.transaction_id, 9);
	ic_answer(msg, VMBUS_E_DISK_FULL);
	CHECK_IS(ic_parse(msg, 40, &hdr), 0);
	CHECK_IS(hdr.status, 0x80070070);
	CHECK_IS(hdr.flags, 5);
	CHECK_IS(hdr.transaction_id, 9);
	CHECK_IS(hdr.type, VMBUS_IC_FCOPY);
	guarded_free(msg, 40);
}

static const struct test tests[] = {
	TEST(the_preferred_common_version_is_agreed),
	TEST(nothing_in_common_is_said),
	TEST(counts_are_bounded),
	TEST(every_short_length_is_refused),
	TEST(the_most_versions_are_taken),
	TEST(only_a_negotiation_is_one),
	TEST(header_and_answer),
};

int main(void)
{
	return RUN(tests);
}
