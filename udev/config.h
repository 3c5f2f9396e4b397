/* SPDX-License-Identifier: GPL-2.0-only */
/* What the administrator and the packages want bound: hyperv-uio.conf(5). */
#ifndef HVUIO_CONFIG_H
#define HVUIO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include <vmbus_bufring.h>

#define DRIVER_NAME_MAX 63

enum tristate { UNSET, NO, YES };

struct section {
	char id[VMBUS_GUID_SIZE]; /* of a class or of an instance */
	char driver[DRIVER_NAME_MAX + 1];
	enum tristate enable;
	enum tristate force;
};

/* In the order in which they were read: a later one wins, key by key. */
struct config {
	struct section *sections;
	size_t count;
};

struct wish {
	char driver[DRIVER_NAME_MAX + 1];
	bool force;
	bool by_instance; /* a section names the instance, not only its class */
};

/*
 * Reads every file. Each fault is said with file and line; then the result is -EINVAL and nothing
 * is to be bound: a file that could not be understood may well be the one that forbids a device.
 * config holds what could be read even so, for giving back; config_free() it in either case.
 */
int config_load(struct config *config);
void config_free(struct config *config);

/* True and *wish when the device is to be bound; disabled_too: or would be, but for enable=no. */
bool config_wish(const struct config *config, const struct vmbus_device *dev, struct wish *wish,
		 bool disabled_too);

#endif
