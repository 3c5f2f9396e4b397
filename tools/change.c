// SPDX-License-Identifier: GPL-2.0-only
#include "change.h"

#include <string.h>

#include "command.h"
#include "identify.h"

int change_status(enum engine_result result)
{
	static const int statuses[] = {
		[ENGINE_DONE] = EXIT_OK,	 [ENGINE_FAILED] = EXIT_FAILED,
		[ENGINE_REFUSED] = EXIT_REFUSED, [ENGINE_FAULTY] = EXIT_USAGE,
		[ENGINE_GONE] = EXIT_FAILED,
	};

	return statuses[result];
}

static int check_driver(const char *driver)
{
	if (config_is_driver(driver) && strcmp(driver, "none"))
		return 0;
	if (!strcmp(driver, "none"))
		complain(
			"none: a device cannot be kept without a driver; 'vmbusctl unbind' lets the kernel choose one");
	else
		complain("'%s' is not the name of a driver", driver);
	return EXIT_USAGE;
}

int change_bind(const char *id, const char *driver, bool force, enum change_when when)
{
	const struct request request = {
		.when = when,
		.is_command = true,
		.driver = driver,
		.is_named = true,
		.force = force,
	};
	struct device *device;
	struct view view;
	int status = driver ? check_driver(driver) : 0;

	if (status)
		return status;
	status = view_read(&view, true);
	if (!status)
		status = identify(&view, id, &device);
	if (!status)
		status = change_status(engine_bind(&view.engine, device, &request));
	view_free(&view);
	return status;
}

int change_unbind(const char *id, enum change_when when)
{
	const struct request request = { .when = when, .is_command = true, .is_named = true };
	struct device *device;
	struct view view;
	/* The engine reads the rules below the lock. */
	int status = view_read(&view, false);

	if (!status)
		status = identify(&view, id, &device);
	if (!status)
		status = change_status(engine_release(&view.engine, device, &request));
	view_free(&view);
	return status;
}
