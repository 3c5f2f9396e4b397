// SPDX-License-Identifier: GPL-2.0-only
#include "view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "describe.h"

int view_read(struct view *view)
{
	const struct machine *machine = &view->engine.machine;
	int err;

	*view = (struct view){ 0 };
	err = engine_read(&view->engine);
	view->chosen = need(calloc(machine->count + 1, sizeof(*view->chosen)));
	if (err == -ENODEV) {
		msg(LOG_ERR, "this machine has no VMBus: either it is not a guest of Hyper-V, or "
			     "hv_vmbus is not loaded (see 'vmbusctl doctor')");
		return EXIT_NO_VMBUS;
	}
	if (machine->fault)
		msg(LOG_ERR, "%s", machine->fault);
	return err ? EXIT_FAILED : 0;
}

void view_free(struct view *view)
{
	free(view->chosen);
	engine_free(&view->engine);
}

int view_describe(struct view *view, struct json_object *list)
{
	struct machine *machine = &view->engine.machine;
	int status = machine->fault ? EXIT_FAILED : 0;

	for (size_t i = 0; i < machine->count; i++) {
		struct json_object *object;
		int offered;
		char *fault;

		if (!view->chosen[i])
			continue;
		object = describe_device(&view->engine, &machine->devices[i], &fault);
		offered = fault ? device_is_offered(machine->devices[i].handle) : 1;
		if (!offered || offered == -ENODEV) {
			json_object_put(object);
		} else {
			json_object_array_add(list, object);
			if (fault)
				msg(LOG_ERR, "%s", fault);
			if (fault)
				status = EXIT_FAILED;
		}
		free(fault);
	}
	return status;
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
