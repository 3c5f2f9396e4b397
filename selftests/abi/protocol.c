// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compare the numbers and sizes of the IC protocol in the kernel's
 * <linux/hyperv.h> with those of the library and hv-fcopyd. In a kernel tree
 * this is the header of that kernel, if "make headers" was run, else the one of
 * the system.
 */
#include <linux/hyperv.h>

#include <vmbus_bufring.h>

#include "../../daemons/fcopy/name.h"
#include "../../daemons/fcopy/refusal.h"
#include "../../daemons/fcopy/wire.h"
#include "../kselftest/ktap.h"

struct number {
	const char *name;
	unsigned long theirs, ours;
};

#define NUMBER(theirs, ours) { #theirs, theirs, ours }

static const struct number operations[] = {
	NUMBER(START_FILE_COPY, FCOPY_START),
	NUMBER(WRITE_TO_FILE, FCOPY_WRITE),
	NUMBER(COMPLETE_FCOPY, FCOPY_COMPLETE),
	NUMBER(CANCEL_FCOPY, FCOPY_CANCEL),
};

static const struct number sizes[] = {
	NUMBER(sizeof(struct hv_start_fcopy), sizeof(struct fcopy_start)),
	NUMBER(W_MAX_PATH, NAME_UNITS),
	NUMBER(DATA_FRAGMENT, FCOPY_FRAGMENT),
};

static const struct number statuses[] = {
	NUMBER(HV_S_OK, VMBUS_S_OK),
	NUMBER(HV_S_CONT, VMBUS_S_CONT),
	NUMBER(HV_E_FAIL, VMBUS_E_FAIL),
	NUMBER(HV_ERROR_NOT_SUPPORTED, VMBUS_E_NOT_SUPPORTED),
	NUMBER(HV_ERROR_ALREADY_EXISTS, VMBUS_E_ALREADY_EXISTS),
	NUMBER(HV_INVALIDARG, VMBUS_E_INVALIDARG),
	NUMBER(HV_ERROR_DISK_FULL, VMBUS_E_DISK_FULL),
	NUMBER(HV_ERROR_DEVICE_NOT_CONNECTED, VMBUS_E_NOT_CONNECTED),
	NUMBER(HV_ERROR_MACHINE_LOCKED, VMBUS_E_MACHINE_LOCKED),
	NUMBER(HV_GUID_NOTFOUND, VMBUS_E_GUID_NOT_FOUND),
};

static void compare(const char *what, const struct number *numbers, size_t count)
{
	bool same = true;

	for (size_t i = 0; i < count; i++) {
		if (numbers[i].theirs == numbers[i].ours)
			continue;
		same = false;
		ksft_print_msg("%s: the kernel has %#lx, hyperv-uio has %#lx\n", numbers[i].name,
			       numbers[i].theirs, numbers[i].ours);
	}
	ksft_test_result(same, "%s\n", what);
}

#define COMPARE(what, numbers) compare(what, numbers, sizeof(numbers) / sizeof(*(numbers)))

int main(void)
{
	const struct number answers[] = {
		NUMBER(HV_S_OK, hresult_of(REFUSAL_NONE)),
		NUMBER(HV_E_FAIL, hresult_of(REFUSAL_OTHER)),
		NUMBER(HV_ERROR_ALREADY_EXISTS, hresult_of(REFUSAL_EXISTS)),
		NUMBER(HV_ERROR_DISK_FULL, hresult_of(REFUSAL_DISK_FULL)),
		NUMBER(HV_INVALIDARG, hresult_of(REFUSAL_MESSAGE)),
	};

	ksft_print_header();
	ksft_set_plan(4);
	COMPARE("operations of a file copy", operations);
	COMPARE("sizes of its messages", sizes);
	COMPARE("status codes of the library", statuses);
	COMPARE("status codes of hv-fcopyd", answers);
	ksft_finished();
}
