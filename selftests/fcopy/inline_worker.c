// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "inline_worker.h"

#define REPORTS 4

struct transfer inline_transfer = { .file = -1, .to.dir = -1 };
int inline_journal = -1;
bool inline_cleaning;

static _Atomic uint64_t id;
static struct report reports[REPORTS];
static unsigned int count;

static void keep_report(const struct report *report, void *context)
{
	if (count == REPORTS)
		abort();
	reports[count++] = *report;
}

int workers_init(int journal, void (*leave)(void))
{
	inline_journal = journal;
	return 0;
}

int worker_start(struct worker *worker, const struct start *start, const struct policy *policy)
{
	/* The daemon has ended the earlier job, or a test has. */
	transfer_discard(&inline_transfer);
	count = 0;
	*worker = (struct worker){ .pid = 1, .fd = -1 };
	transfer_init(&inline_transfer, inline_journal, policy, &id);
	job_start(&inline_transfer, start, keep_report, NULL);
	return 0;
}

bool worker_write(struct worker *worker, uint64_t offset, const void *data, size_t size)
{
	const struct order order = { .kind = ORDER_WRITE, .offset = offset, .size = size };

	if (transfer_active(&inline_transfer))
		job_obey(&inline_transfer, &order, data, keep_report, NULL);
	return true;
}

void worker_order(struct worker *worker, enum order_kind kind)
{
	const struct order order = { .kind = kind };

	if (transfer_active(&inline_transfer))
		job_obey(&inline_transfer, &order, NULL, keep_report, NULL);
}

bool worker_receive(struct worker *worker, struct report *report)
{
	if (!worker->pid || !count)
		return false;
	*report = reports[0];
	memmove(reports, reports + 1, --count * sizeof(reports[0]));
	if (report->kind == REPORT_ENDED)
		worker_abandon(worker);
	return true;
}

void worker_abandon(struct worker *worker)
{
	*worker = (struct worker){ .fd = -1 };
}

bool worker_waits(const char *path, char directory[PATH_MAX])
{
	return false;
}

void worker_reap(void)
{
}

bool worker_clean(void)
{
	unsigned int left;

	journal_clean(inline_journal, NULL, false, &left);
	return inline_cleaning;
}

bool worker_is_cleaning(void)
{
	return inline_cleaning;
}

void worker_leave_cleaner(void)
{
}
