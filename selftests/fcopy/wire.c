// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test what hv-fcopyd -v logs: one line with the raw fields of each message,
 * and no contents of files. The test sends the messages as the host.
 */
#include "conversation.h"
#include "test_log.h"

static void begin_test(void)
{
	begin_conversation();
	served_transaction = 0xfff;
}

static const struct fixture served = { .begin = begin_test, .end = end_conversation };

/*
 * Return the only line that begins with @begin, or NULL. The result is valid
 * until four more calls.
 */
static const char *only_line(const char *begin)
{
	static char lines[4][8192];
	static unsigned int next;
	char *line = lines[next++ % 4];
	unsigned int found = 0;

	for (const char *at = logged; *at; at = strchr(at, '\n') + 1) {
		if (strncmp(at, begin, strlen(begin)))
			continue;
		snprintf(line, sizeof(lines[0]), "%.*s", (int)strcspn(at, "\n"), at);
		found++;
	}
	if (!expect_int(found, 1))
		ksft_print_msg("lines that begin with '%s'\n", begin);
	return found == 1 ? line : "";
}

/* Send the request, expect this status, and return the line of the request. */
static const char *host_line(uint32_t status)
{
	logged[0] = '\0';
	expect_int(ask(), status);
	return only_line("host ");
}

static bool ends_with(const char *line, const char *end)
{
	size_t length = strlen(line), tail = strlen(end);

	return length >= tail && !strcmp(line + length - tail, end);
}

static void hex(const unsigned char *bytes, size_t size, char *text)
{
	for (size_t i = 0; i < size; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
}

/* Whether a line has these bytes of a message, as hex digits */
static bool has_bytes(const char *line, const char *key, const struct message *m, size_t at,
		      size_t size)
{
	char text[4096];
	int n = snprintf(text, sizeof(text), " %s=", key);

	hex(m->bytes + at, size, text + n);
	return strstr(line, text);
}

TEST_F(served, negotiation_has_all_fields)
{
	const char *line;

	usual_negotiation(&request);
	put32(&request, 20, 0xabcdef01);
	put16(&request, 26, 0x7788);
	put32(&request, IC_HEADER + 4, 0x11223344);
	request.bytes[24] = 77;
	expect_int(ask(), S_OK);
	line = only_line("host ");
	expect(strstr(line, " type=6 flags=0x0 descriptor=16 length=56 id=0x1000 NEGOTIATE "));
	expect(has_bytes(line, "header", &request, 0, IC_HEADER));
	expect(has_bytes(line, "versions", &request, IC_HEADER, 24));
	expect(ends_with(line, " rest=4"));
	line = only_line("guest ");
	expect(strstr(line, " id=0x1000 status=0x00000000 NEGOTIATE "));
	expect(has_bytes(line, "header", &answer, 0, IC_HEADER));
	expect(has_bytes(line, "versions", &answer, IC_HEADER, 16));
}

TEST_F(served, copy_has_one_line_a_message)
{
	const char *line;
	char text[512];

	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	start_message(&request, in("to/"), "Source File", 0xf0000002, 7);
	for (int i = 0; i < 32; i++)
		request.bytes[IC_HEADER + 4 + i] = 0x40 + i;
	line = host_line(S_OK);
	expect(strstr(line, " START "));
	expect(has_bytes(line, "header", &request, 0, IC_HEADER));
	expect(has_bytes(line, "operation", &request, IC_HEADER, OPERATION));
	snprintf(text, sizeof(text),
		 " file_name='Source File' path_name='%s' after-names=zeros "
		 "copy-flags=0xf0000002 file_size=7 rest=4",
		 in("to/"));
	expect(ends_with(line, text));
	line = only_line("guest ");
	expect(strstr(line, " status=0x00000000 START ") && !strstr(line, "file_name"));

	write_message(&request, 0, "abcdefg", 7);
	put32(&request, IC_HEADER + OPERATION, 0x0a0b0c0d);
	request.length += 5;
	line = host_line(S_OK);
	expect(strstr(line, " WRITE "));
	expect(ends_with(line, " padding=0xa0b0c0d offset=0 size=7 rest=9"));
	only_line("guest ");

	end_message(&request, COMPLETE);
	expect(strstr(host_line(S_OK), " COMPLETE "));
	end_message(&request, CANCEL);
	expect(strstr(host_line(S_OK), " CANCEL "));
	/* Without a copy, and what the daemon does not know */
	write_message(&request, 4711, "abcdefg", 7);
	expect(strstr(host_line(E_STATE), " offset=4711 size=7 "));
	expect(strstr(only_line("guest "), " status=0x8007139f WRITE "));
	end_message(&request, 77);
	line = host_line(E_NOT_SUPPORTED);
	expect(strstr(line, " unknown ") &&
	       has_bytes(line, "operation", &request, IC_HEADER, OPERATION));
	message(&request, 6, 80);
	expect(strstr(host_line(E_NOT_SUPPORTED), " unknown "));
	expected_files = 1;
}

/*
 * Return whether the log has eight bytes in a row of @bytes, as they are or as
 * hex digits.
 */
static bool tells(const char *bytes, size_t size)
{
	char digits[17];

	for (size_t i = 0; i + 8 <= size; i++) {
		hex((const unsigned char *)bytes + i, 8, digits);
		if (strstr(logged, digits) || memmem(logged, strlen(logged), bytes + i, 8))
			return true;
	}
	return false;
}

/*
 * The host may fill its messages with the former content of its buffer: after
 * the data of a short WRITE, after COMPLETE, and after the NUL of a name.
 */
TEST_F(served, contents_are_left_out)
{
	static const char secret[] = "This text must not appear: 0123456789 abcdefghijklmnop.";
	const size_t size = sizeof(secret) - 1, head = WRITE_SIZE;

	usual_negotiation(&request);
	memcpy(request.bytes + request.length, secret, size);
	request.length += size;
	put32(&request, 4, request.length - 8);
	expect_int(ask(), S_OK);
	start_message(&request, in("to/a"), "a", 0, size);
	memcpy(request.bytes + SOURCE + 4, secret, size);
	memcpy(request.bytes + DESTINATION + 400, secret, size);
	expect_int(ask(), S_OK);
	expect(strstr(logged, " after-names=others "));
	write_message(&request, 0, secret, size);
	memcpy(request.bytes + head + 1000, secret, size);
	request.length = head + DATA_MAX;
	put32(&request, 4, request.length - 8);
	expect_int(ask(), S_OK);
	expect(strstr(logged, " offset=0 size=55 rest=6089 (not zeros)\n"));
	end_message(&request, COMPLETE);
	memcpy(request.bytes + request.length, secret, size);
	request.length += size;
	put32(&request, 4, request.length - 8);
	expect_int(ask(), S_OK);
	write_message(&request, 0, secret, size);
	put32(&request, head - 4, 5000);
	ask();
	write_message(&request, 0, secret, size);
	put32(&request, IC_HEADER, 9);
	ask();
	write_message(&request, 0, secret, size);
	put16(&request, 12, 3);
	memcpy(request.bytes + IC_HEADER, secret, size);
	ask();
	expect_int(vmbus_send(served_host, VMBUS_PACKET_COMPLETION, 0, 1, secret, size), 0);
	expect_int(served_run(), 0);
	expect(strstr(logged, " type=11 "));
	expect(!tells(secret, size));
	/* The check above would find it. */
	strcat(logged, "0123456789");
	expect(tells(secret, size));
	expected_files = 1;
}

/* Fields that are not text, and one without an end */
TEST_F(served, names_that_are_no_text)
{
	static const uint16_t odd[] = { '/', 0xd83c, 0x1234 };

	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	logged[0] = '\0';
	start_message(&request, "", "", 0, 0);
	for (int i = 0; i < 260; i++)
		put_unit(&request, SOURCE, i, 0x6162);
	for (int i = 0; i < 3; i++)
		put_unit(&request, DESTINATION, i, odd[i]);
	expect_int(ask(), E_NAME);
	expect(has_bytes(only_line("host "), "file_name", &request, SOURCE, 520));
	expect(strstr(logged, " path_name=2f003cd83412 after-names=zeros "));
}

TEST_MAIN
