// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test the buffer in front of a file: what it holds, what it writes, and when.
 */
#include <sys/syscall.h>

#include "../../daemons/fcopy/buffer.h"
#include "fcopy_test.h"

#define MODEL_SIZE (3u << 20)
#define CALLS_MAX  4096
#define FRAGMENT   6144

static struct buffer buffer;
static unsigned char model[MODEL_SIZE], have[MODEL_SIZE];
static size_t model_end;
static int file;

/*
 * The calls of pwrite(), and its result: an error from call error_at on, or
 * half of the bytes
 */
static struct {
	uint64_t offset;
	size_t size;
} calls[CALLS_MAX];
static unsigned int count;
static int write_error;
static unsigned int error_at, interruptions;
static bool short_writes, no_progress;

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	unsigned int call = count++;

	if (call < CALLS_MAX) {
		calls[call].offset = offset;
		calls[call].size = size;
	}
	if (interruptions) {
		interruptions--;
		errno = EINTR;
		return -1;
	}
	if (write_error && call >= error_at) {
		errno = write_error;
		return -1;
	}
	if (no_progress)
		return 0;
	return syscall(SYS_pwrite64, fd, data, short_writes && size > 1 ? size / 2 : size, offset);
}

static void begin_test(void)
{
	file = open("file", O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);
	expect(file >= 0);
	memset(&buffer, 0xa5, sizeof(buffer));
	buffer_reset(&buffer);
	memset(model, 0, sizeof(model));
	model_end = 0;
	count = 0;
}

/* Add bytes that depend on SALT to the buffer and to the model. */
static int add(uint64_t offset, size_t size, unsigned int salt)
{
	static unsigned char data[MODEL_SIZE];
	int err;

	for (size_t i = 0; i < size; i++)
		data[i] = (offset + i) * 31 + (offset + i) / 251 + salt;
	err = buffer_add(&buffer, file, offset, data, size);
	if (!err) {
		memcpy(model + offset, data, size);
		if (size && offset + size > model_end)
			model_end = offset + size;
	}
	return err;
}

/* Do what the daemon does after each answer. */
static int work(void)
{
	return buffer_ready(&buffer) ? buffer_write(&buffer, file) : 0;
}

/* Return whether file and buffer together have the added bytes. */
static bool is_whole(void)
{
	ssize_t n;

	memset(have, 0, sizeof(have));
	n = pread(file, have, sizeof(have), 0);
	if (n < 0 || buffer.offset + buffer.length > MODEL_SIZE || buffer.length > BUFFER_SIZE)
		return false;
	memcpy(have + buffer.offset, buffer.bytes, buffer.length);
	return !memcmp(have, model, sizeof(have));
}

static void end_test(void)
{
	struct stat st;

	expect_int(buffer_flush(&buffer, file), 0);
	expect_int(buffer.length, 0);
	expect(is_whole());
	expect(fstat(file, &st) == 0);
	expect_int(st.st_size, model_end);
	/* Nothing is left to write. */
	count = 0;
	expect_int(buffer_flush(&buffer, file), 0);
	expect_int(count, 0);
	close(file);
}

static void whole_pieces_at_their_multiples(void)
{
	begin_test();
	for (uint64_t at = 0; at < 10 * BUFFER_PIECE; at += FRAGMENT) {
		expect_int(add(at, FRAGMENT, 0), 0);
		expect_int(work(), 0);
		/*
		 * The buffer writes a piece as soon as it is complete, and not
		 * before.
		 */
		expect_int(count, (at + FRAGMENT) / BUFFER_PIECE);
		expect(buffer.length < BUFFER_PIECE);
		expect(is_whole());
	}
	for (unsigned int i = 0; i < count; i++) {
		expect_int(calls[i].offset, (uint64_t)i * BUFFER_PIECE);
		expect_int(calls[i].size, BUFFER_PIECE);
	}
	end_test();
}

/*
 * The test does not call work() in between, as the daemon does not while it
 * queues packets.
 */
static void full_buffer_writes_itself(void)
{
	begin_test();
	for (uint64_t at = 0; at < 10 * BUFFER_PIECE; at += FRAGMENT) {
		expect_int(add(at, FRAGMENT, 0), 0);
		expect(is_whole());
		if (at + FRAGMENT <= BUFFER_SIZE)
			expect_int(count, 0);
	}
	for (unsigned int i = 0, at = 0; i < count; i++) {
		expect_int(calls[i].offset, at);
		expect_int(calls[i].size % BUFFER_PIECE, 0);
		at += calls[i].size;
	}
	expect(count >= 4);
	end_test();
}

static void one_add_of_any_size(void)
{
	static const size_t sizes[] = { 0,
					1,
					BUFFER_PIECE - 1,
					BUFFER_PIECE,
					BUFFER_PIECE + 1,
					BUFFER_SIZE - 1,
					BUFFER_SIZE,
					BUFFER_SIZE + 1,
					BUFFER_SIZE + BUFFER_PIECE,
					2 * BUFFER_SIZE + 1,
					1 << 20 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin_test();
		expect(!buffer_ready(&buffer));
		expect_int(add(0, sizes[i], i), 0);
		expect(is_whole());
		if (sizes[i] <= BUFFER_SIZE) {
			expect_int(count, 0);
			expect(buffer_ready(&buffer) == (sizes[i] >= BUFFER_PIECE));
		}
		expect_int(work(), 0);
		expect_int(buffer.length, sizes[i] % BUFFER_PIECE);
		expect(!buffer_ready(&buffer));
		end_test();
	}
}

static void rewritten_in_the_buffer(void)
{
	begin_test();
	expect_int(add(0, 1000, 1), 0);
	expect_int(add(0, 1000, 2), 0);
	expect_int(add(500, 1000, 3), 0);
	expect_int(add(999, 1, 4), 0);
	expect_int(add(1500, 0, 5), 0);
	expect_int(add(100, 0, 5), 0);
	expect_int(buffer.length, 1500);
	expect_int(count, 0);
	/* An overlap that fills the buffer */
	expect_int(add(1000, BUFFER_SIZE, 6), 0);
	expect(is_whole());
	end_test();
}

/*
 * These bytes are before the buffer: it writes what it has, and begins there.
 */
static void rewritten_before_the_buffer(void)
{
	begin_test();
	expect_int(add(0, BUFFER_PIECE + 1000, 1), 0);
	expect_int(work(), 0);
	expect_int(buffer.offset, BUFFER_PIECE);
	count = 0;
	expect_int(add(10, 20, 2), 0);
	expect_int(count, 1);
	expect_int(calls[0].offset, BUFFER_PIECE);
	expect_int(calls[0].size, 1000);
	expect(is_whole());
	/* The host continues where it was. */
	expect_int(add(BUFFER_PIECE + 1000, 50, 3), 0);
	expect_int(count, 2);
	expect_int(calls[1].offset, 10);
	expect_int(calls[1].size, 20);
	expect(is_whole());
	/* An overlap with the first byte of the buffer only */
	expect_int(add(BUFFER_PIECE + 999, 2, 4), 0);
	expect(is_whole());
	end_test();
}

/*
 * After a jump each write ends at a multiple again, whether or not the buffer
 * becomes full.
 */
static void pieces_after_a_jump(void)
{
	for (int working = 0; working < 2; working++) {
		uint64_t next = 5;

		begin_test();
		expect_int(add(0, 2 * BUFFER_PIECE, 1), 0);
		expect_int(work(), 0);
		count = 0;
		for (uint64_t at = 5; at < 8 * BUFFER_PIECE; at += FRAGMENT) {
			expect_int(add(at, FRAGMENT, 2), 0);
			if (working)
				expect_int(work(), 0);
		}
		expect(count >= 3);
		for (unsigned int i = 0; i < count; i++) {
			expect_int(calls[i].offset, next);
			next += calls[i].size;
			expect_int(next % BUFFER_PIECE, 0);
			expect(!working || calls[i].size <= BUFFER_PIECE);
		}
		end_test();
	}
}

static void gap_forwards(void)
{
	begin_test();
	expect_int(add(0, 10, 1), 0);
	expect_int(add(20, 10, 2), 0);
	expect_int(count, 1);
	expect_int(buffer.offset, 20);
	expect(is_whole());
	end_test();
}

static void offsets_near_the_largest(void)
{
	static const uint64_t far = (1ull << 63) - BUFFER_SIZE;
	char data[100] = "";

	begin_test();
	expect_int(buffer_add(&buffer, file, far, data, sizeof(data)), 0);
	expect_int(buffer_add(&buffer, file, far + 100, data, sizeof(data)), 0);
	expect_int(buffer.offset, far);
	expect_int(buffer.length, 200);
	expect_int(count, 0);
	expect(!buffer_ready(&buffer));
	buffer_reset(&buffer);
	end_test();
}

static void short_and_interrupted_writes(void)
{
	begin_test();
	short_writes = true;
	interruptions = 3;
	expect_int(add(0, BUFFER_SIZE + 7, 1), 0);
	expect_int(interruptions, 0);
	expect_int(work(), 0);
	expect_int(buffer_flush(&buffer, file), 0);
	short_writes = false;
	end_test();
}

static void errors(void)
{
	static const int numbers[] = { ENOSPC, EDQUOT, EIO, EFBIG };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		begin_test();
		error_at = 0;
		write_error = numbers[i];
		/* Nothing is written, so nothing can fail. */
		expect_int(add(0, BUFFER_SIZE, 1), 0);
		expect_int(buffer_write(&buffer, file), -numbers[i]);
		expect_int(buffer_flush(&buffer, file), -numbers[i]);
		expect_int(add(BUFFER_SIZE, 1, 1), -numbers[i]);
		/* A jump, and one to the byte before */
		expect_int(add(BUFFER_SIZE + 1000, 1, 1), -numbers[i]);
		/* The buffer still has what it could not write. */
		expect_int(buffer.offset, 0);
		expect_int(buffer.length, BUFFER_SIZE);
		write_error = 0;
		expect(is_whole());
		end_test();

		/* The second half of a short write fails. */
		begin_test();
		expect_int(add(0, BUFFER_PIECE, 1), 0);
		short_writes = true;
		error_at = 1;
		write_error = numbers[i];
		expect_int(work(), -numbers[i]);
		short_writes = false;
		write_error = 0;
		expect(is_whole());
		expect_int(work(), 0);
		end_test();
	}
	/*
	 * A file that accepts no bytes without an error must not make the
	 * daemon spin.
	 */
	begin_test();
	expect_int(add(0, 10, 1), 0);
	no_progress = true;
	expect_int(buffer_flush(&buffer, file), -EIO);
	no_progress = false;
	end_test();
}

static void reset_forgets(void)
{
	begin_test();
	expect_int(add(0, BUFFER_PIECE + 10, 1), 0);
	expect_int(work(), 0);
	buffer_reset(&buffer);
	expect_int(buffer.offset, 0);
	expect(!buffer_ready(&buffer));
	count = 0;
	expect_int(buffer_flush(&buffer, file), 0);
	expect_int(count, 0);
	close(file);
}

/* SEED repeats a run. */
static void random_operations(void)
{
	const char *text = getenv("SEED");
	unsigned int seed = text ? strtoul(text, NULL, 0) : (unsigned long)getpid();
	uint64_t received = 0;

	ksft_print_msg("SEED=%u\n", seed);
	srandom(seed);
	begin_test();
	for (unsigned int i = 0; i < 20000 && !current_failed(); i++) {
		uint64_t at = received;
		size_t size = random() % 4 ? FRAGMENT :
			      random() % 4 ? random() % FRAGMENT :
					     random() % (3 * BUFFER_PIECE);

		switch (random() % 16) {
		case 0: /* somewhere before */
			at = received ? random() % (received + 1) : 0;
			break;
		case 1: /* a little before */
			at -= received < FRAGMENT ? received : (uint64_t)random() % FRAGMENT;
			break;
		case 2: /* around where the buffer begins */
			at = buffer.offset < received ? buffer.offset : received;
			if (at && random() % 2)
				at--;
			break;
		case 3:
			expect_int(buffer_flush(&buffer, file), 0);
			break;
		case 4:
			short_writes = !short_writes;
			break;
		}
		if (at + size > MODEL_SIZE) {
			/* The next file */
			end_test();
			begin_test();
			received = 0;
			continue;
		}
		expect_int(add(at, size, i), 0);
		if (at + size > received)
			received = at + size;
		if (random() % 3) {
			expect_int(work(), 0);
			expect(!buffer_ready(&buffer));
		}
		if (random() % 64 == 0)
			expect(is_whole());
	}
	short_writes = false;
	end_test();
}

int main(void)
{
	test(whole_pieces_at_their_multiples);
	test(full_buffer_writes_itself);
	test(one_add_of_any_size);
	test(rewritten_in_the_buffer);
	test(rewritten_before_the_buffer);
	test(pieces_after_a_jump);
	test(gap_forwards);
	test(offsets_near_the_largest);
	test(short_and_interrupted_writes);
	test(errors);
	test(reset_forgets);
	test(random_operations);
	run_tests();
}
