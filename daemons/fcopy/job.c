// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "job.h"

static void send_report(const struct transfer *transfer, enum report_kind kind,
			const struct failure *failure, report_fn *send, void *context)
{
	struct report report = { .kind = kind, .left = transfer->left };

	if (failure)
		report.failure = *failure;
	memcpy(report.path, transfer->path, sizeof(report.path));
	send(&report, context);
}

void job_start(struct transfer *transfer, const struct start *start, report_fn *send, void *context)
{
	struct failure failure = { .refusal = REFUSAL_NONE };
	enum refusal refusal;

	refusal = transfer_start(transfer, &start->request, start->announced, &failure);
	send_report(transfer, refusal == REFUSAL_NONE ? REPORT_STARTED : REPORT_ENDED, &failure,
		    send, context);
}

/* Sync the directory of the file, which is in place, and end the copy. */
static void end_placed(struct transfer *transfer, report_fn *send, void *context)
{
	struct failure failure = { .refusal = REFUSAL_NONE };

	send_report(transfer, REPORT_PLACED, NULL, send, context);
	transfer_end(transfer, &failure);
	send_report(transfer, REPORT_ENDED, &failure, send, context);
}

void job_obey(struct transfer *transfer, const struct order *order, const void *data,
	      report_fn *send, void *context)
{
	struct failure failure = { .refusal = REFUSAL_NONE };
	enum refusal refusal = REFUSAL_NONE;

	switch (order->kind) {
	case ORDER_WRITE:
		refusal = transfer_write(transfer, order->offset, data, order->size, &failure);
		break;
	case ORDER_FINISH:
		refusal = transfer_finish(transfer, &failure);
		if (refusal == REFUSAL_NONE)
			send_report(transfer, REPORT_FINISHED, NULL, send, context);
		break;
	case ORDER_PLACE:
		refusal = transfer_place(transfer, &failure);
		if (refusal == REFUSAL_NONE)
			end_placed(transfer, send, context);
		break;
	case ORDER_DISCARD:
		transfer_discard(transfer);
		send_report(transfer, REPORT_ENDED, NULL, send, context);
		break;
	}
	if (refusal != REFUSAL_NONE)
		send_report(transfer, REPORT_ENDED, &failure, send, context);
}
