/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the machine shows: its VMBus devices, its network interfaces, what uses
 * them now, and which of them are configured to come up at boot. facts_read()
 * is the only reader; plan.h decides on these structures alone, so a test can
 * make up any machine.
 */
#ifndef HVUIO_FACTS_H
#define HVUIO_FACTS_H

#include <sys/types.h>

#include "config.h"
#include "state.h"

#define SOURCE_SIZE 256

/*
 * A network interface that a device brings: no bridge, bond or VLAN, but what
 * they do with it counts.
 */
struct interface {
	char name[INTERFACE_SIZE];
	char mac[MAC_SIZE];
	int device;			/* index of the VMBus device that it is below, or -1 */
	bool is_named;			/* udev has named it; before, its name may change */
	/* These count what is stacked on it, too. */
	bool default_route;		/* the main table has one through it */
	bool address;			/* it has a route or a global address */
	char needed_by[REASON_SIZE];	/* a network file system or disk is reached through it */
	/*
	 * The file that brings it up at boot with a default route; "": none
	 * known
	 */
	char brought_up_by[SOURCE_SIZE];
};

struct device {
	char instance[VMBUS_GUID_SIZE];
	char class_id[VMBUS_GUID_SIZE];
	const char *class_name;		/* a short name, or NULL */
	char driver[DRIVER_NAME_MAX + 1]; /* "": none */
	char disk[REASON_SIZE];		/* why a disk below it is in use; "": none is */
	int disk_error;			/* -errno: it could not be told */
	char brought_up_by[SOURCE_SIZE];/* of the recorded interface, if it has none now */
	struct record record;
	int record_error;		/* of state_read() */
	const char *left_alone;		/* why vmbus-bind --all leaves it alone, or NULL */
};

/*
 * A disk or partition below a device that nothing in sysfs or /proc shows in
 * use.
 */
struct disk {
	size_t device;
	dev_t number;
	char name[64];		/* of its node in /dev, with ! for / */
};

struct facts {
	struct device *devices;		/* sorted by instance */
	size_t device_count;
	struct interface *interfaces;
	size_t interface_count;
	struct disk *disks;
	size_t disk_count;
	int route_error;		/* -errno: routes or mounts could not be read */
	int device_error;		/* -errno: a device could not be read and is missing */
};

/*
 * facts_read() - look at the machine
 *
 * Returns 0 or -errno; -ENODEV without VMBus. facts_free() it in every case.
 * What cannot be told is in the members, and the guard takes it for "in use".
 */
int facts_read(struct facts *facts);
void facts_free(struct facts *facts);

/*
 * facts_claim_disks() - try to open each disk below a device for this program
 * alone
 *
 * The kernel refuses that for a disk that a file system, a volume or a program
 * has claimed, whatever sysfs and the mount table show of it: the second disk
 * of a btrfs, a member of a ZFS pool. While a disk is open here, a mount of it
 * fails, so call this only for a device that is about to be taken. The result
 * is in facts->devices[device].disk and .disk_error.
 */
void facts_claim_disks(struct facts *facts, size_t device);

/*
 * Whether the interface @lower lies directly below @upper, as a virtual
 * function does.
 */
bool facts_is_below(const char *lower, const char *upper);

/* The device with this instance GUID, or -1. */
int facts_device(const struct facts *facts, const char *instance);

/* The first interface of a device, or NULL. */
const struct interface *facts_interface(const struct facts *facts, size_t device);

#endif
