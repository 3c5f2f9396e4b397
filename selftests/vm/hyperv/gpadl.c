// SPDX-License-Identifier: GPL-2.0-only
/*
 * GPADLs are the memory that the guest shares with the host: its rings and its
 * buffers. A GPADL_HEADER and any number of GPADL_BODY messages have the
 * numbers of the pages. The host answers when it has all of them.
 */
#include <stdlib.h>
#include <string.h>

#include "hyperv.h"

#define MAX_PAGES (1u << 16)

struct header_body {
	uint32_t relid, id;
	uint16_t range_bytes, ranges;
	uint32_t bytes, offset;
} __attribute__((packed));

static struct gpadl *gpadls;

struct gpadl *find_gpadl(uint32_t id)
{
	for (struct gpadl *g = gpadls; g; g = g->next)
		if (g->id == id)
			return g;
	return NULL;
}

static void free_gpadl(struct gpadl *gone)
{
	struct gpadl **at = &gpadls;

	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
	free(gone);
}

void free_gpadls(uint32_t relid)
{
	for (struct gpadl *g = gpadls, *next; g; g = next) {
		next = g->next;
		if (!relid || g->relid == relid)
			free_gpadl(g);
	}
}

uint64_t count_gpadls(uint32_t relid)
{
	uint64_t count = 0;

	for (struct gpadl *g = gpadls; g; g = g->next)
		count += g->relid == relid;
	return count;
}

unsigned int count_teardowns(void)
{
	unsigned int count = 0;

	for (struct gpadl *g = gpadls; g; g = g->next)
		count += g->teardown;
	return count;
}

static void take_pages(struct gpadl *g, const uint8_t *numbers, uint32_t count)
{
	for (; count && g->got < g->pages; count--, numbers += sizeof(uint64_t)) {
		uint64_t number;

		memcpy(&number, numbers, sizeof(number));
		g->page[g->got] = guest_page(number);
		g->invalid |= !g->page[g->got++];
	}
}

void gpadl_header(const uint8_t *body, uint32_t len)
{
	struct header_body header;
	struct gpadl *g, **end = &gpadls;
	uint32_t pages;

	if (len < sizeof(header)) {
		message_fault("a GPADL's header of %u bytes", len);
		return;
	}
	memcpy(&header, body, sizeof(header));
	pages = header.bytes / HV_PAGE;
	note("  GPADL %#x of relid %u: %u bytes", header.id, header.relid, header.bytes);
	/* The length of the range has 16 bits, which a large GPADL exceeds. */
	if (header.ranges != 1 || header.offset || header.bytes % HV_PAGE || !pages ||
	    pages > MAX_PAGES || header.range_bytes != (uint16_t)(8 + 8 * pages)) {
		message_fault("GPADL %#x: %u ranges, %u bytes at %u, a range of %u bytes",
			      header.id, header.ranges, header.bytes, header.offset,
			      header.range_bytes);
		return;
	}
	if (find_gpadl(header.id)) {
		message_fault("GPADL %#x exists already", header.id);
		return;
	}
	g = allocate(sizeof(*g) + pages * sizeof(g->page[0]));
	g->id = header.id;
	g->relid = header.relid;
	g->pages = pages;
	while (*end)
		end = &(*end)->next;
	*end = g;
	take_pages(g, body + sizeof(header), (len - (uint32_t)sizeof(header)) / 8);
}

/* A body has a number that nobody needs, the id, and the numbers of pages. */
void gpadl_body(const uint8_t *body, uint32_t len)
{
	struct gpadl *g;
	uint32_t id;

	memcpy(&id, body + 4, sizeof(id));
	g = find_gpadl(id);
	if (g)
		take_pages(g, body + 8, (len - 8) / 8);
}

void gpadl_teardown(uint32_t id)
{
	struct gpadl *g = find_gpadl(id);

	if (g)
		g->teardown = true;
}

/*
 * Return whether the program holds back the answers about a GPADL. A rescind
 * ends that.
 */
static bool is_held(const struct channel *c)
{
	return c && c->hold_gpadls && !c->rescind && c->offer != OFFER_RESCINDED;
}

static bool is_used(const struct gpadl *g)
{
	for_each_channel(c)
		if (c->rings == g)
			return true;
	return false;
}

static void created(void *arg)
{
	struct gpadl *g = arg;
	struct channel *c = find_channel(g->relid);

	g->created = true;
	if (c && c->offer == OFFER_RESCINDED)
		c->stats.late_creations++;
}

static void is_gone(void *arg)
{
	free_gpadl(arg);
}

/*
 * Answer a creation. One that waits for its answer when the host rescinds the
 * channel fails, and the guest learns that before the rescind. One that comes
 * after the rescind succeeds.
 */
static void answer_creation(struct gpadl *g, const struct channel *c)
{
	bool fails = g->invalid ||
		     (c && c->offer != OFFER_RESCINDED && (c->fail_gpadls || is_to_rescind(c)));
	uint32_t body[] = { g->relid, g->id, fails ? E_UNEXPECTED : 0 };

	bus_post(GPADL_CREATED, body, sizeof(body), fails ? is_gone : created, g);
}

/*
 * Answer the guest about one GPADL. The host tears down the GPADL of the rings
 * when the device has closed.
 */
bool gpadl_step(void)
{
	for (struct gpadl *g = gpadls; g; g = g->next) {
		struct channel *c = find_channel(g->relid);

		if (g->got < g->pages || is_held(c))
			continue;
		if (!g->created) {
			answer_creation(g, c);
			return true;
		}
		if (g->teardown && !is_used(g)) {
			bus_post(GPADL_TORNDOWN, &g->id, sizeof(g->id), is_gone, g);
			return true;
		}
	}
	return false;
}

void gpadl_copy(const struct gpadl *g, uint32_t offset, void *bytes, uint32_t len, bool write)
{
	uint8_t *to = bytes;

	while (len) {
		uint8_t *from = g->page[offset / HV_PAGE] + offset % HV_PAGE;
		uint32_t part = MIN(len, HV_PAGE - offset % HV_PAGE);

		if (write)
			memcpy(from, to, part);
		else
			memcpy(to, from, part);
		offset += part;
		to += part;
		len -= part;
	}
}
