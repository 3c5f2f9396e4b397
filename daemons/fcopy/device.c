// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "device.h"
#include "log.h"

/* The daemon waits at most 5 s for a program that is closing the device. */
#define CLOSING_TRIES 50
#define CLOSING_USEC  100000

static bool has_vmbus(void)
{
	struct vmbus_device **list;
	int n = vmbus_device_list(NULL, &list);

	vmbus_device_list_free(list);
	return n != -ENODEV;
}

/*
 * Compare the state of the device with @word. Only this project's module shows
 * the state, so the result is always false with the kernel's own module.
 */
static bool state_is(const struct vmbus_device *device, const char *word)
{
	char state[16];

	return !vmbus_device_attribute(device, "uio_hv_generic/state", state, sizeof(state)) &&
	       !strcmp(state, word);
}

/*
 * Make sure that no other program has the device open: both would read messages
 * from the same ring. A program that has been killed may still be closing it.
 */
static int check_exclusive(const char *which)
{
	struct vmbus_device *device;
	bool taken;

	/* vmbus_open() will report why there is no device. */
	if (vmbus_device_find(which, &device))
		return 0;
	for (int tries = 0; (taken = state_is(device, "open")) && tries < CLOSING_TRIES; tries++)
		usleep(CLOSING_USEC);
	if (taken)
		log_line(LOG_ERR,
			 "%s: another program has it open; is it another file copy daemon?",
			 device->instance);
	vmbus_device_free(device);
	return taken ? EX_TEMPFAIL : 0;
}

static int explain(int err)
{
	/* has_vmbus() overwrites the library's text. */
	char *why = strdup(vmbus_error());
	const char *text = why ? why : strerror(-err);
	int code;

	switch (err) {
	case -ENODEV:
		log_line(LOG_NOTICE, "%s%s", text,
			 has_vmbus() ? "; is Guest Service Interface enabled for this machine?" :
				       "");
		code = EX_UNAVAILABLE;
		break;
	case -ENXIO:
		log_line(LOG_NOTICE, "%s", text);
		code = EX_UNAVAILABLE;
		break;
	default:
		log_line(LOG_ERR, "%s", text);
		code = EX_OSERR;
		break;
	}
	free(why);
	return code;
}

int device_open(const char *which, struct vmbus_chan **channel)
{
	int code = check_exclusive(which), err;

	if (code)
		return code;
	err = vmbus_open(which, NULL, channel);
	return err ? explain(err) : 0;
}

bool device_is_suspended(const struct vmbus_chan *channel)
{
	/*
	 * After a suspend the device is still bound, but the open channel is
	 * lost. Until this program closes the device, the attribute
	 * distinguishes a suspend from a rescind.
	 */
	return state_is(vmbus_info(channel)->device, "lost");
}

bool device_is_missing(const char *which)
{
	struct vmbus_device *device;
	int offered;

	if (vmbus_device_find(which, &device))
		return false;
	offered = device_is_offered(device);
	vmbus_device_free(device);
	return offered == 0;
}

int device_reopen(const char *which, struct vmbus_chan **channel, const char *why)
{
	int err;

	vmbus_close(*channel);
	/* The device is busy until every program that had it open closes it. */
	for (int tries = 0;
	     (err = vmbus_open(which, NULL, channel)) == -EBUSY && tries < CLOSING_TRIES; tries++)
		usleep(CLOSING_USEC);
	if (!err)
		return 0;
	*channel = NULL;
	log_line(LOG_ERR, "%s, and the device cannot be opened again: %s", why, vmbus_error());
	return err;
}

const char *device_path(const struct vmbus_chan *channel)
{
	return vmbus_info(channel)->device->path;
}

const char *device_instance(const struct vmbus_chan *channel)
{
	return vmbus_info(channel)->device->instance;
}
