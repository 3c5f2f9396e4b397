/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_JOB_H
#define FCOPY_JOB_H

#include "transfer.h"

/*
 * A job is the part of a copy that touches files. A worker does it (worker.h):
 * it begins with a START, obeys orders, and reports.
 */

/** What a START asks for, in the words of this system */
struct start {
	struct destination_request request;
	uint64_t announced;
	char path[NAME_BYTES], name[NAME_BYTES], name_fault[64];
};

enum order_kind {
	ORDER_WRITE,   /* write @size bytes of half @half at @offset */
	ORDER_FINISH,  /* set the attributes, and write everything to the disk */
	ORDER_PLACE,   /* give the file its name */
	ORDER_DISCARD, /* end the copy, and remove its file */
};

struct order {
	enum order_kind kind;
	unsigned int half;
	uint64_t offset;
	uint32_t size;
};

enum report_kind {
	REPORT_STARTED,	 /* the host may send data */
	REPORT_ROOM,	 /* a half is free, for which the daemon has waited */
	REPORT_FINISHED, /* the file is on the disk, without its name */
	REPORT_PLACED,	 /* the file has its name */
	REPORT_ENDED,	 /* the job has ended; @failure says why if it failed */
};

struct report {
	enum report_kind kind;
	bool left; /* REPORT_ENDED: something is left, which a note names */
	struct failure failure;
	char path[TRANSFER_FILE_SIZE]; /* the target */
};

/** A function that sends a report to the daemon */
typedef void report_fn(const struct report *report, void *context);

/**
 * job_start() - begin a copy, and report REPORT_STARTED or REPORT_ENDED
 * @transfer: from transfer_init()
 */
void job_start(struct transfer *transfer, const struct start *start, report_fn *send,
	       void *context);

/**
 * job_obey() - do what the daemon orders
 * @data: the bytes of ORDER_WRITE
 *
 * The function reports REPORT_FINISHED, REPORT_PLACED, and the end of the job.
 * The job has ended when no copy is active any more.
 */
void job_obey(struct transfer *transfer, const struct order *order, const void *data,
	      report_fn *send, void *context);

#endif
