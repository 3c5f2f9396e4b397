// SPDX-License-Identifier: GPL-2.0-only
/*
 * dpdk_abi TITLE INSTANCE SUBCHANNELS SECONDS: use a bound NIC as DPDK does
 * (bus/vmbus, net/netvsc), from the scan to the end, against a host that
 * answers (the bench's test dpdk). Then open the device again, SECONDS after
 * closing it. The program prints one line for each point of the contract
 * between DPDK and the kernel: "ok TITLE: point N, what it is: what was found",
 * or "not ok ...". It also prints lines "say TITLE ..." for the host.
 *
 * The points have the numbers of the list that the project made from DPDK 20.11
 * to 26.07. Two of these 33 points are about DPDK alone, and five are about
 * files of VMBus that no driver makes:
 *	1, 2, 4	the bus in sysfs, class_id of every device, device_id
 *	3	DPDK keeps only NICs from the scan
 *	6, 7	monitor_id, numa_node
 *	32	DPDK reads neither name nor version of the UIO device
 * The program shows only the kernel's part of the following points, because the
 * rest needs the host of a NIC (the NVS protocol) or DPDK's own code:
 *	10	that the host accepts the handles; the program's host reads and
 *		writes the buffers through them
 *	22	the request for sub-channels; the program sends a packet of its
 *		own
 *	29	the NVS disconnects and their 200 ms
 *	30	what DPDK makes of the error; the program sees the error
 *	33	where the huge pages end
 */
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "device.h"

#define NIC_MAPS 5
#define MAX_SUBS 16
#define WAIT_MS	 20000
/*
 * DPDK assumes that its huge pages end here, far from everything that the
 * kernel places itself.
 */
#define FIRST_HINT   0x100000000000ul
#define HOST_PAGE    4096
#define INT_SEND     2048 /* of int_page: the bits for the host */
#define MON_PENDING  8	  /* of monitor_page: {pending, armed} for each 32 */
#define MON_LATENCY  576  /* a 16-bit number for each */
#define RING_WRITE   0
#define RING_READ    4
#define RING_MASK    8
#define PACKET_BYTES 32 /* 16 of header, 8 of payload, 8 of trailer */

static const char *const points[] = {
	[5] = "id",
	[8] = "uio/uioN",
	[9] = "five maps in their order",
	[10] = "GPADL handles in the names",
	[11] = "sizes",
	[12] = "an open for each map",
	[13] = "halves of the ring",
	[14] = "ring layout",
	[15] = "bits of the interrupt page",
	[16] = "bits of the monitor page",
	[17] = "signalling the host",
	[18] = "write",
	[19] = "read",
	[20] = "interrupt mask",
	[21] = "ring file of the primary",
	[22] = "sub-channels on request",
	[23] = "polling for ring files",
	[24] = "files of a sub-channel",
	[25] = "size of a ring file",
	[26] = "index of a sub-channel",
	[27] = "secondary process",
	[28] = "close and open again",
	[29] = "the end",
	[30] = "rescind",
	[31] = "name of the module",
	[33] = "addresses of the maps",
};

struct channel {
	unsigned int relid;
	unsigned int index;
	int monitor; /* -1: none */
	uint8_t *tx;
	size_t bytes; /* both halves */
};

static const char *title, *instance;
static char sysfs[PATH_MAX], uio[PATH_MAX], node[256];
static size_t page, map_bytes[NIC_MAPS];
static uint8_t *maps[NIC_MAPS];
static unsigned int wanted, count; /* sub-channels */
static struct channel primary, subs[MAX_SUBS];
static uintptr_t hint;
static bool hints_good;
static uint32_t first_mask;
static int uio_fd = -1;

/* Print one result. Return whether it is good. */
__attribute__((format(printf, 3, 4))) static bool point(unsigned int number, bool good,
							const char *format, ...)
{
	va_list args;

	if (!good)
		failures++;
	printf("%s %s: point %u, %s: ", good ? "ok" : "not ok", title, number, points[number]);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	return good;
}

/* End the program. The missing results of the rest fail the test, too. */
__attribute__((format(printf, 1, 2), noreturn)) static void give_up(const char *format, ...)
{
	int error = errno;
	va_list args;

	printf("%s: ", title);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf(" (errno %d, %s)\n", error, strerror(error));
	fflush(stdout);
	_exit(1);
}

/* These functions parse sysfs as DPDK does. */

/*
 * Read the number with which the line begins. Return false if there is none or
 * if it is above @max.
 */
static bool read_number(const char *path, unsigned long max, unsigned long *number)
{
	char line[128], *end;

	if (!read_line(path, line, sizeof(line)))
		return false;
	errno = 0;
	*number = strtoul(line, &end, 0);
	return !errno && end != line && !*end && *number <= max;
}

__attribute__((format(printf, 1, 2))) static const char *path_of(const char *format, ...)
{
	static char path[2 * PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return path;
}

static void scan(void)
{
	unsigned long number = 0;
	bool found = read_number(path_of("%s/id", sysfs), UINT16_MAX, &number);

	primary.relid = (unsigned int)number;
	point(5, found, "relid %u", primary.relid);
	found = read_number(path_of("%s/monitor_id", sysfs), 127, &number);
	primary.monitor = found ? (int)number : -1;
}

/* Find the first entry whose name is uio and a number. */
static void find_uio(void)
{
	DIR *dir = opendir(path_of("%s/uio", sysfs));
	struct dirent *entry = NULL;
	char target[PATH_MAX] = "";
	unsigned long number = 0;
	struct stat st;

	while (dir && (entry = readdir(dir))) {
		char *end;

		if (strncmp(entry->d_name, "uio", 3))
			continue;
		number = strtoul(entry->d_name + 3, &end, 10);
		if (end != entry->d_name + 3)
			break;
	}
	snprintf(uio, sizeof(uio), VMBUS_DEVICES "/%s/uio/uio%lu", instance, number);
	snprintf(node, sizeof(node), "/dev/uio%lu", number);
	if (!point(8, entry && !stat(node, &st) && S_ISCHR(st.st_mode), "%s", node))
		give_up("%s is not bound", instance);
	closedir(dir);
	if (readlink(path_of("%s/driver/module", sysfs), target, sizeof(target) - 1) < 0)
		target[0] = 0;
	point(31, !strcmp(basename(target), "uio_hv_generic"), "%s", basename(target));
}

/* Read the names and sizes of the maps. @handles gets the handles of a NIC. */
static void read_maps(unsigned long handles[2])
{
	static const char *const names[NIC_MAPS] = { "txrx_rings", "int_page", "monitor_page",
						     "recv:", "send:" };
	char found[256] = "", sizes[256] = "";
	bool order = true, decimal = true, sized = true;

	for (unsigned int i = 0; i < NIC_MAPS; i++) {
		unsigned long number = 0;
		char name[64] = "", *end;

		order &= read_line(path_of("%s/maps/map%u/name", uio, i), name, sizeof(name)) &&
			 !strncmp(name, names[i], strlen(names[i]));
		sized &= read_number(path_of("%s/maps/map%u/size", uio, i), ULONG_MAX, &number) &&
			 number;
		map_bytes[i] = number;
		snprintf(found + strlen(found), sizeof(found) - strlen(found), " %s", name);
		snprintf(sizes + strlen(sizes), sizeof(sizes) - strlen(sizes), " %#zx",
			 map_bytes[i]);
		if (i < 3)
			continue;
		/*
		 * Parse the number as DPDK does. A leading 0 would make it
		 * octal.
		 */
		handles[i - 3] = strtoul(name + 5, &end, 0);
		decimal &=
			end != name + 5 && !*end && handles[i - 3] && handles[i - 3] <= UINT32_MAX;
	}
	sized &= map_bytes[1] == HOST_PAGE && map_bytes[2] == HOST_PAGE;
	/* There must be no sixth map, which DPDK would not know. */
	sized &= access(path_of("%s/maps/map%u", uio, NIC_MAPS), F_OK);
	point(9, order, "%s", found + 1);
	point(11, sized, "%s", sizes + 1);
	if (!decimal || handles[0] == handles[1])
		point(10, false, "%s", found + 1);
}

/*
 * These functions use the rings. Both ends leave them empty between the
 * messages, so nothing ever wraps.
 */

static uint8_t *rx_of(const struct channel *channel)
{
	return channel->tx + channel->bytes / 2;
}

static uint32_t *word(uint8_t *at)
{
	return (uint32_t *)at;
}

static uint32_t get(uint8_t *at)
{
	return __atomic_load_n(word(at), __ATOMIC_SEQ_CST);
}

/* These functions map the device. */

/*
 * Map at the next hint, without MAP_FIXED. DPDK adds the bytes of a map to its
 * address to get the next hint. If a map is smaller than a page of the guest,
 * DPDK gets another place and accepts it, so round up there.
 */
static uint8_t *map_next(int fd, size_t bytes, off_t offset)
{
	uint8_t *mem = mmap((void *)hint, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	if (mem == MAP_FAILED)
		give_up("mmap of %zu bytes at %jd", bytes, (intmax_t)offset);
	if ((uintptr_t)mem != hint)
		hints_good = false;
	hint = (uintptr_t)mem + (bytes + page - 1) / page * page;
	return mem;
}

/*
 * One file stays open for interrupts. Each map has an open of its own that ends
 * when it is mapped.
 */
static void open_device(void)
{
	hint = FIRST_HINT;
	hints_good = true;
	uio_fd = open(node, O_RDWR);
	if (uio_fd < 0)
		give_up("open of %s", node);
	for (unsigned int i = 0; i < NIC_MAPS; i++) {
		int fd = open(node, O_RDWR);

		if (fd < 0)
			give_up("open of %s for map %u", node, i);
		maps[i] = map_next(fd, map_bytes[i], (off_t)i * (off_t)page);
		close(fd);
	}
	primary.tx = maps[0];
	primary.bytes = map_bytes[0];
	first_mask = get(rx_of(&primary) + RING_MASK);
	count = 0;
}

static void close_device(void)
{
	for (unsigned int i = 0; i < count; i++)
		munmap(subs[i].tx, subs[i].bytes);
	for (unsigned int i = 0; i < NIC_MAPS; i++)
		munmap(maps[i], map_bytes[i]);
	close(uio_fd);
	uio_fd = -1;
}

static void set_bit(uint8_t *words, unsigned int bit)
{
	__atomic_or_fetch(word(words) + bit / 32, 1u << (bit % 32), __ATOMIC_SEQ_CST);
}

static void clear_bit(uint8_t *words, unsigned int bit)
{
	__atomic_and_fetch(word(words) + bit / 32, ~(1u << (bit % 32)), __ATOMIC_SEQ_CST);
}

static uint8_t *trigger_of(const struct channel *channel)
{
	return maps[2] + MON_PENDING + (unsigned int)channel->monitor / 32 * 8;
}

static bool test_bit(uint8_t *words, unsigned int bit)
{
	return get((uint8_t *)(word(words) + bit / 32)) >> (bit % 32) & 1;
}

/* 0 or -errno */
static int irq_control(int32_t on)
{
	ssize_t n = write(uio_fd, &on, sizeof(on));

	return n < 0 ? -errno : n == sizeof(on) ? 0 : -EIO;
}

/*
 * Signal the host as DPDK does: on a monitored channel by the trigger alone,
 * and on others by the bit in the interrupt page and a system call.
 */
static void channel_signal(const struct channel *channel)
{
	if (channel->monitor >= 0) {
		set_bit(trigger_of(channel), (unsigned int)channel->monitor % 32);
		return;
	}
	set_bit(maps[1] + INT_SEND, channel->relid);
	if (irq_control(1))
		give_up("write to %s", node);
}

/*
 * Write a packet with the payload @byte. Return whether the host needs a
 * signal.
 */
static bool put(const struct channel *channel, uint8_t byte)
{
	uint32_t at = get(channel->tx + RING_WRITE);
	uint64_t packet[PACKET_BYTES / 8] = { 6 | 2ull << 16 | 3ull << 32, byte, byte,
					      (uint64_t)at << 32 };

	if (at + sizeof(packet) > channel->bytes / 2 - page)
		give_up("a ring with write index %u", at);
	memcpy(channel->tx + page + at, packet, sizeof(packet));
	__atomic_store_n(word(channel->tx + RING_WRITE), at + PACKET_BYTES, __ATOMIC_SEQ_CST);
	return !get(channel->tx + RING_MASK) && get(channel->tx + RING_READ) == at;
}

static void send(const struct channel *channel, uint8_t byte)
{
	if (put(channel, byte))
		channel_signal(channel);
}

static bool is_taken(const struct channel *channel)
{
	return get(channel->tx + RING_READ) == get(channel->tx + RING_WRITE);
}

static bool taken(const struct channel *channel, int timeout_ms)
{
	return WITHIN(timeout_ms, is_taken(channel));
}

/* Return the first byte of the payload of the next packet, or -1. */
static int receive(const struct channel *channel, int timeout_ms)
{
	uint8_t *rx = rx_of(channel);
	uint32_t at = get(rx + RING_READ);
	uint64_t packet[PACKET_BYTES / 8];

	if (!WITHIN(timeout_ms, get(rx + RING_WRITE) != at))
		return -1;
	if (at + sizeof(packet) > channel->bytes / 2 - page)
		give_up("a ring with read index %u", at);
	memcpy(packet, rx + page + at, sizeof(packet));
	if (packet[0] != (6 | 2ull << 16 | 3ull << 32) ||
	    get(rx + RING_WRITE) - at != sizeof(packet))
		give_up("a packet of another form, %#llx", (unsigned long long)packet[0]);
	__atomic_store_n(word(rx + RING_READ), at + PACKET_BYTES, __ATOMIC_SEQ_CST);
	return (uint8_t)packet[2];
}

/* Send @byte, and return the byte with which the host answers, or -1. */
static int ask(const struct channel *channel, uint8_t byte)
{
	send(channel, byte);
	return receive(channel, WAIT_MS);
}

/* The session follows. */

/*
 * Put marks at both ends of both buffers. The host finds or writes them by the
 * handles.
 */
static void share_buffers(const unsigned long handles[2])
{
	static const char recv_start[] = "host-rcv", recv_end[] = "vcr-tsoh";
	uint8_t *recv = maps[3], *end = recv + map_bytes[3] - 8;
	int greeting;

	memcpy(maps[4], "uio-send", 8);
	memcpy(maps[4] + map_bytes[4] - 8, "dnes-oiu", 8);
	printf("say %s handles %lu %zu %lu %zu\n", title, handles[0], map_bytes[3] - 8, handles[1],
	       map_bytes[4] - 8);
	greeting = receive(&primary, 3 * WAIT_MS);
	point(10, greeting == 0x10 && !memcmp(recv, recv_start, 8) && !memcmp(end, recv_end, 8),
	      "what the host wrote to GPADL %lu is in the receive buffer, \"%.8s\" to \"%.8s\"",
	      handles[0], recv, end);
}

/*
 * Send the first packet. The host reads the ring only after a signal of the
 * kind that this channel has.
 */
static void signalling(void)
{
	bool quiet, heard, bit, trigger = false;
	uint8_t *again;
	int answer;

	/* Wait until the host has finished its own greeting. */
	sleep_us(100000);
	put(&primary, 0x01);
	quiet = !taken(&primary, 300);
	/* The bit alone is no signal. Another mapping of the page shows it. */
	set_bit(maps[1] + INT_SEND, primary.relid);
	again = device_map(uio_fd, 1, map_bytes[1]);
	if (again == MAP_FAILED)
		give_up("mmap of the interrupt page");
	bit = test_bit(again + INT_SEND, primary.relid);
	munmap(again, map_bytes[1]);
	if (primary.monitor >= 0) {
		clear_bit(maps[1] + INT_SEND, primary.relid);
		trigger = !test_bit(trigger_of(&primary), (unsigned int)primary.monitor % 32);
	}
	quiet &= !is_taken(&primary);
	channel_signal(&primary);
	heard = taken(&primary, WAIT_MS);
	answer = receive(&primary, WAIT_MS);
	point(17, quiet && heard, "a packet %s before and %s after %s",
	      quiet ? "lay there" : "was taken", heard ? "was taken" : "lay there",
	      primary.monitor < 0 ? "a bit and write(1)" : "the monitor's trigger alone");
	point(13, heard && answer == 0x11,
	      "the host has the packet from the first, its answer %#x is in the second, %zu bytes each",
	      answer, primary.bytes / 2);
	point(14, primary.bytes / 2 > page && heard && answer == 0x11,
	      "data from byte %zu on in both", page);
	/* Hosts since Windows 8 do not read this bit. */
	point(15, bit, "bit %u is set at %u", primary.relid, INT_SEND);
	if (primary.monitor < 0)
		return;
	/* The host clears the trigger. */
	trigger &= heard && !test_bit(trigger_of(&primary), (unsigned int)primary.monitor % 32);
	*(uint16_t *)(maps[2] + MON_LATENCY + 2 * primary.monitor) = 500;
	point(16, trigger, "bit %d was set, the host took it; latency %u x 100 ns", primary.monitor,
	      *(volatile uint16_t *)(maps[2] + MON_LATENCY + 2 * primary.monitor));
}

struct reader {
	pthread_t thread;
	int32_t events;
	int result; /* of read, or -errno */
	bool done;
};

static void *read_once(void *argument)
{
	struct reader *reader = argument;
	ssize_t n = read(uio_fd, &reader->events, sizeof(reader->events));

	reader->result = n < 0 ? -errno : (int)n;
	__atomic_store_n(&reader->done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static bool reader_done(struct reader *reader, int timeout_ms)
{
	return WITHIN(timeout_ms, __atomic_load_n(&reader->done, __ATOMIC_SEQ_CST));
}

static void reader_start(struct reader *reader)
{
	memset(reader, 0, sizeof(*reader));
	if (pthread_create(&reader->thread, NULL, read_once, reader))
		give_up("no thread");
}

/* Take an event. Return whether one arrives within the time. */
static bool event(int timeout_ms, int32_t *events)
{
	struct pollfd wait = { .fd = uio_fd, .events = POLLIN };

	return poll(&wait, 1, timeout_ms) == 1 &&
	       read(uio_fd, events, sizeof(*events)) == sizeof(*events);
}

static void interrupts(void)
{
	int32_t last = 0, events = 0, eight[2];
	struct reader reader;
	bool blocked, sized;
	int answer;

	while (event(300, &last))
		;
	reader_start(&reader);
	blocked = !reader_done(&reader, 300);
	answer = ask(&primary, 0x02);
	if (!reader_done(&reader, WAIT_MS)) {
		point(19, false, "read does not return");
		give_up("nothing else can be read");
	}
	pthread_join(reader.thread, NULL);
	sized = read(uio_fd, eight, sizeof(eight)) < 0 && errno == EINVAL;
	point(19,
	      blocked && answer == 0x12 && reader.result == 4 && reader.events == last + 1 && sized,
	      "it %s, then %d bytes, event %d after %d; eight bytes are %s",
	      blocked ? "waited" : "did not wait", reader.result, reader.events, last,
	      sized ? "refused" : "not refused");

	/*
	 * A mask that a poller sets stays, and prevents interrupts; the host
	 * answers half a second later.
	 */
	send(&primary, 0x03);
	*(volatile uint32_t *)(rx_of(&primary) + RING_MASK) = 1;
	answer = receive(&primary, WAIT_MS);
	blocked = !event(300, &events);
	point(20, !first_mask && answer == 0x13 && blocked && get(rx_of(&primary) + RING_MASK) == 1,
	      "%u after the open; set to 1, a packet came and %s, and it is %u", first_mask,
	      blocked ? "no event" : "an event", get(rx_of(&primary) + RING_MASK));
	*(volatile uint32_t *)(rx_of(&primary) + RING_MASK) = 0;
}

/*
 * Find the next sub-channel that DPDK does not know yet. Return 0, -ENOENT if
 * there is none yet, or an error.
 */
static int next_sub(struct channel *sub)
{
	DIR *dir = opendir(path_of("%s/channels", sysfs));
	struct dirent *entry;
	int err = -ENOENT;

	while (dir && err == -ENOENT && (entry = readdir(dir))) {
		unsigned long relid, index, monitor;
		bool known = false;
		char *end;

		if (entry->d_name[0] == '.')
			continue;
		relid = strtoul(entry->d_name, &end, 0);
		if (*end || relid > UINT16_MAX)
			continue;
		for (unsigned int i = 0; i < count; i++)
			known |= subs[i].relid == relid;
		if (known || access(path_of("%s/channels/%lu/ring", sysfs, relid), R_OK | W_OK))
			continue;
		if (!read_number(path_of("%s/channels/%lu/subchannel_id", sysfs, relid), UINT16_MAX,
				 &index)) {
			err = -EINVAL;
			break;
		}
		if (!index)
			continue;
		*sub = (struct channel){ .relid = (unsigned int)relid,
					 .index = (unsigned int)index,
					 .monitor = -1 };
		if (read_number(path_of("%s/channels/%lu/monitor_id", sysfs, relid), 127, &monitor))
			sub->monitor = (int)monitor;
		err = 0;
	}
	if (dir)
		closedir(dir);
	return err;
}

static bool map_sub(struct channel *sub)
{
	int fd = open(path_of("%s/channels/%u/ring", sysfs, sub->relid), O_RDWR);
	struct stat st = { 0 };

	if (fd < 0 || fstat(fd, &st))
		give_up("the ring of channel %u", sub->relid);
	sub->bytes = (size_t)st.st_size;
	if (!sub->bytes || sub->bytes % page)
		give_up("a ring file of %zu bytes", sub->bytes);
	sub->tx = map_next(fd, sub->bytes, 0);
	close(fd);
	return (st.st_mode & 07777) == 0600;
}

/*
 * Request sub-channels and take them as they appear. Return their number and
 * whether their files are right.
 */
static unsigned int take_subs(unsigned int *retries, bool *files)
{
	send(&primary, 0x04);
	*retries = 0;
	*files = true;
	while (count < wanted) {
		struct channel sub;
		int err = next_sub(&sub);

		if (!err) {
			*files &= map_sub(&sub) && (sub.monitor < 0) == (primary.monitor < 0);
			subs[count++] = sub;
			continue;
		}
		if (err != -ENOENT || *retries == 1000)
			break;
		++*retries;
		sleep_us(10000);
	}
	return count;
}

static int by_index(const void *a, const void *b)
{
	return (int)((const struct channel *)a)->index - (int)((const struct channel *)b)->index;
}

/* Exchange a packet on each sub-channel, in the order that the host expects. */
static bool use_subs(void)
{
	bool good = true;

	qsort(subs, count, sizeof(subs[0]), by_index);
	for (unsigned int i = 0; i < count; i++)
		good &= ask(&subs[i], (uint8_t)(0x20 + subs[i].index)) ==
			(int)(0x30 + subs[i].index);
	return good;
}

/*
 * A write masks or signals all channels, because a program knows only one file.
 */
static void irq_writes(void)
{
	bool all = true, sized = true;
	int32_t eight[2] = { 0 };

	for (int32_t on = 0; on <= 1; on++) {
		all &= !irq_control(on) && get(rx_of(&primary) + RING_MASK) == !on;
		for (unsigned int i = 0; i < count; i++)
			all &= get(rx_of(&subs[i]) + RING_MASK) == !on;
	}
	for (size_t bytes = 1; bytes <= sizeof(eight); bytes++)
		if (bytes != sizeof(int32_t))
			sized &= write(uio_fd, eight, bytes) < 0 && errno == EINVAL;
	point(18, all && sized, "0 masks and 1 unmasks %s; other than 4 bytes are %s",
	      all ? "all channels" : "not all channels", sized ? "refused" : "not refused");
}

/*
 * Return the bytes of a channel's rings that the host knows. The guest's ring
 * begins with a page of the guest, which ends with a page of the host that is
 * the ring's header.
 */
static size_t host_bytes(const struct channel *channel)
{
	return channel->bytes - 2 * (page - HOST_PAGE);
}

static void sub_channels(void)
{
	bool ring = !access(path_of("%s/channels/%u/ring", sysfs, primary.relid), R_OK | W_OK);
	char indexes[128] = "", rings[256] = "";
	bool files, distinct = true, sized = true;
	unsigned int found, retries;

	point(21, ring, "channels/%u/ring", primary.relid);
	found = take_subs(&retries, &files);
	point(23, found == wanted, "%u times in vain, 10 ms each", retries);
	point(22, use_subs() && found == wanted, "%u of %u, with packets both ways on each", found,
	      wanted);
	printf("say %s channels %u:%zu", title, primary.relid, host_bytes(&primary));
	for (unsigned int i = 0; i < found; i++) {
		distinct &= subs[i].index >= 1 && subs[i].index <= wanted &&
			    (!i || subs[i].index != subs[i - 1].index);
		sized &= subs[i].bytes == primary.bytes;
		printf(" %u:%zu", subs[i].relid, host_bytes(&subs[i]));
		snprintf(indexes + strlen(indexes), sizeof(indexes) - strlen(indexes), " %u",
			 subs[i].index);
		snprintf(rings + strlen(rings), sizeof(rings) - strlen(rings), " %zu",
			 subs[i].bytes);
	}
	putchar('\n');
	point(24, found && files, "ring with mode 0600, subchannel_id, %s",
	      primary.monitor < 0 ? "no monitor_id" : "monitor_id");
	point(25, found && sized, "%s", rings + 1);
	point(26, found && distinct, "%s", indexes + 1);
	irq_writes();
}

/* Replace a mapping of the primary process by one of this process. */
static bool map_again(int fd, uint8_t *at, size_t bytes, off_t offset)
{
	munmap(at, bytes);
	return mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset) == at;
}

/*
 * Use the channels with a file and mappings of this process, which is a child
 * of the primary process. Return 0, or the exit status that tells which step
 * failed.
 */
static int secondary(void)
{
	bool used;

	close(uio_fd);
	uio_fd = open(node, O_RDWR);
	if (uio_fd < 0)
		return 3;
	for (unsigned int i = 0; i < NIC_MAPS; i++)
		if (!map_again(uio_fd, maps[i], map_bytes[i], (off_t)i * (off_t)page))
			return 5;
	for (unsigned int i = 0; i < count; i++) {
		int fd = open(path_of("%s/channels/%u/ring", sysfs, subs[i].relid), O_RDWR);

		if (fd < 0 || !map_again(fd, subs[i].tx, subs[i].bytes, 0))
			return 4;
		close(fd);
	}
	/* The secondary process uses the same memory, and signals by itself. */
	memcpy(maps[4] + page, "secondary", 9);
	used = ask(&primary, 0x05) == 0x15;
	for (unsigned int i = 0; i < count; i++)
		used &= get(subs[i].tx + RING_WRITE) == PACKET_BYTES;
	return used ? 0 : 6;
}

static void run_secondary(void)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(secondary());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		give_up("fork");
	/* The end of the secondary process leaves the channel open. */
	point(27, !status && !memcmp(maps[4] + page, "secondary", 9) && ask(&primary, 0x06) == 0x16,
	      "status %d, %u maps and %u rings at the same addresses", WEXITSTATUS(status),
	      NIC_MAPS, count);
}

/*
 * Count the ring files. The primary channel always has one, but in kernfs the
 * directory of a sub-channel that disappears during the scan can hide the next
 * directory.
 */
static unsigned int ring_files(const struct device *dev)
{
	unsigned int rings = 0;

	for (int scan = 0; !rings && scan < 10; scan++)
		rings = device_rings(dev, NULL, 0);
	return rings;
}

/*
 * Do what DPDK does for a new MTU: unmap and close everything, and open it
 * again without a pause.
 */
static void reopen(unsigned int seconds)
{
	struct device dev = { .instance = "" };
	char names[2][64] = { "", "" };
	unsigned int rings, retries;
	bool fresh, files;

	strcpy(dev.instance, instance);
	close_device();
	sleep(seconds);
	open_device();
	for (unsigned int i = 0; i < 2; i++)
		read_line(path_of("%s/maps/map%u/name", uio, 3 + i), names[i], sizeof(names[i]));
	rings = ring_files(&dev);
	fresh = !get(primary.tx + RING_WRITE) && !get(primary.tx + RING_READ) &&
		!get(rx_of(&primary) + RING_WRITE) && !get(rx_of(&primary) + RING_READ);
	take_subs(&retries, &files);
	point(28,
	      fresh && rings == 1 && count == wanted && files && use_subs() &&
		      strtoul(names[0] + 5, NULL, 0) && strtoul(names[1] + 5, NULL, 0),
	      "%s, %s; the ring is %s, %u ring files before; %u of %u new ones after %u x 10 ms, with packets both ways",
	      names[0], names[1], fresh ? "fresh" : "not fresh", rings, count, wanted, retries);
	close_device();
	rings = ring_files(&dev);
	point(29, rings == 1, "%u ring files after the last close", rings);
}

static void rescinded(void)
{
	struct reader reader;
	bool blocked;
	int err;

	open_device();
	device_quiet(uio_fd);
	reader_start(&reader);
	blocked = !reader_done(&reader, 300);
	send(&primary, 0x07);
	if (!reader_done(&reader, WAIT_MS)) {
		point(30, false, "read does not return");
		give_up("the rescinded device cannot be closed");
	}
	pthread_join(reader.thread, NULL);
	/* The error is EIO or, after UIO has released the device, EINVAL. */
	err = irq_control(1);
	point(30, blocked && reader.result == -EIO && err, "read %s, then %s; write: %s",
	      blocked ? "waited" : "did not wait", strerror(-reader.result), strerror(-err));
	close_device();
}

int main(int argc, char **argv)
{
	unsigned long handles[2] = { 0 };
	unsigned int touched = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	page = (size_t)getpagesize();
	if (argc != 5 || atoi(argv[3]) < 1 || atoi(argv[3]) > MAX_SUBS) {
		fprintf(stderr, "usage: dpdk_abi TITLE INSTANCE SUBCHANNELS SECONDS\n");
		return 2;
	}
	title = argv[1];
	instance = argv[2];
	wanted = (unsigned int)atoi(argv[3]);
	snprintf(sysfs, sizeof(sysfs), VMBUS_DEVICES "/%s", instance);
	touch_init();

	scan();
	find_uio();
	read_maps(handles);
	open_device();
	for (unsigned int i = 0; i < NIC_MAPS; i++)
		touched += !touch(maps[i] + map_bytes[i] - 1);
	point(12, touched == NIC_MAPS && !irq_control(1),
	      "%u maps stay when their files are closed, and so does the one for interrupts",
	      touched);
	share_buffers(handles);
	signalling();
	interrupts();
	sub_channels();
	point(33, hints_good, "%u maps and %u rings where they were asked for, from %#lx", NIC_MAPS,
	      count, FIRST_HINT);
	run_secondary();
	reopen((unsigned int)atoi(argv[4]));
	rescinded();
	return exit_status();
}
