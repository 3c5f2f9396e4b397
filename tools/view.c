// SPDX-License-Identifier: GPL-2.0-only
#include "view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

int view_read(struct view *view, bool with_rules)
{
	const struct machine *machine = &view->engine.machine;

	*view = (struct view){ 0 };
	if (with_rules)
		engine_read(&view->engine);
	else
		view->engine.machine_error = machine_read(&view->engine.machine);
	view->chosen = need(calloc(machine->count + 1, sizeof(*view->chosen)));
	view->details = need(calloc(machine->count + 1, sizeof(*view->details)));
	if (view->engine.machine_error == -ENODEV) {
		complain("this machine has no VMBus: either it is not a guest of Hyper-V, or "
			 "hv_vmbus is not loaded (see 'vmbusctl doctor')");
		return EXIT_NO_VMBUS;
	}
	if (machine->fault)
		complain("%s", machine->fault);
	return view->engine.machine_error ? EXIT_FAILED : 0;
}

void view_free(struct view *view)
{
	for (size_t i = 0; i < view->engine.machine.count; i++)
		details_free(&view->details[i]);
	free(view->details);
	free(view->chosen);
	engine_free(&view->engine);
}

int view_read_details(struct view *view)
{
	const struct machine *machine = &view->engine.machine;
	int status = 0;
	char *fault;

	for (size_t i = 0; i < machine->count; i++) {
		if (!view->chosen[i])
			continue;
		fault = details_read(&machine->devices[i], &view->details[i]);
		if (fault && device_is_offered(machine->devices[i].handle) == 0) {
			view->chosen[i] = false;
		} else if (fault) {
			complain("%s", fault);
			status = EXIT_FAILED;
		}
		free(fault);
	}
	return status;
}

int view_status(const struct view *view)
{
	return view->engine.machine.fault ? EXIT_FAILED : 0;
}

int view_digits(const struct view *view)
{
	const struct machine *machine = &view->engine.machine;
	int digits = 8, same;

	/* The devices are sorted, so those that begin alike are neighbours. */
	for (size_t i = 1; i < machine->count; i++) {
		const char *a = machine->devices[i - 1].instance, *b = machine->devices[i].instance;

		for (same = 0; a[same] && a[same] == b[same]; same++)
			;
		if (same >= digits)
			digits = same + 1;
	}
	return digits;
}
