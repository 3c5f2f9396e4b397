// SPDX-License-Identifier: GPL-2.0-only
#include "conversation.h"
#include "test_log.h"

struct message request, answer;
int expected_files;

void begin_conversation(void)
{
	mkdir("to", 0755);
	policy_without_min_free();
	expected_files = 0;
	serve(&policy);
	usual_negotiation(&request);
	expect_int(ask(), S_OK);
	memset(logged_events, 0, sizeof(logged_events));
	logged[0] = '\0';
}

void end_conversation(void)
{
	serve_end();
	default_policy();
	expect_int(entries("to"), expected_files);
}

const struct fixture conversation = { .begin = begin_conversation, .end = end_conversation };

uint32_t ask(void)
{
	return served_ask(&request, &answer);
}

uint32_t ask_fcopy(void)
{
	uint32_t status = ask();

	expect(is_answer(&answer, &request));
	return status;
}

uint32_t start_at(const char *destination, const char *source, uint32_t flags, uint64_t size)
{
	start_message(&request, destination, source, flags, size);
	return ask_fcopy();
}

uint32_t start(const char *source, uint32_t flags, uint64_t size)
{
	return start_at(in("to/"), source, flags, size);
}

uint32_t send_data(uint64_t offset, const char *text)
{
	write_message(&request, offset, text, strlen(text));
	return ask_fcopy();
}

uint32_t end(uint32_t operation)
{
	end_message(&request, operation);
	return ask_fcopy();
}

uint32_t copy_at(const char *destination, const char *source, uint32_t flags, const char *text)
{
	uint32_t status = start_at(destination, source, flags, strlen(text));

	if (status == S_OK && *text)
		status = send_data(0, text);
	return status == S_OK ? end(COMPLETE) : status;
}

uint32_t copy(const char *source, uint32_t flags, const char *text)
{
	return copy_at(in("to/"), source, flags, text);
}
