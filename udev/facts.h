/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read the machine: its VMBus devices, its network interfaces, what uses them
 * now, and which of them the configuration brings up at boot. facts_read() is
 * the only reader. The decision in plan.h uses only these structures, so a test
 * can build any machine.
 */
#ifndef HVUIO_FACTS_H
#define HVUIO_FACTS_H

#include <sys/types.h>

#include "config.h"
#include "state.h"

#define SOURCE_SIZE 256

/*
 * A network interface of a device. Bridges, bonds and VLANs are not listed;
 * their use of the interface is recorded here.
 */
struct interface {
	char name[INTERFACE_SIZE];
	char mac[MAC_SIZE];
	int device;			/* index of its VMBus device, or -1 */
	bool is_named;			/* udev has named it; until then its name may change */
	/*
	 * The next three members include the interfaces that are stacked on it.
	 */
	bool default_route;		/* it carries a default route of the main table */
	bool address;			/* it has a route or a global address */
	char needed_by[REASON_SIZE];	/* why a network file system or disk needs it */
	/*
	 * the file that brings it up at boot with a default route; "" if none
	 * is known
	 */
	char brought_up_by[SOURCE_SIZE];
};

struct device {
	char instance[VMBUS_GUID_SIZE];
	char class_id[VMBUS_GUID_SIZE];
	const char *class_name;		/* a short name, or NULL */
	char driver[DRIVER_NAME_MAX + 1]; /* "": none */
	char disk[REASON_SIZE];		/* why a disk below it is in use; "": no disk is */
	int disk_error;			/* -errno: reading the disks failed */
	char brought_up_by[SOURCE_SIZE];/* for the recorded interface, if there is none now */
	struct record record;
	int record_error;		/* of state_read() */
	const char *left_alone;		/* why vmbus-bind --all leaves it alone, or NULL */
};

/*
 * A disk or partition below a device that is not in use according to sysfs and
 * /proc
 */
struct disk {
	size_t device;
	dev_t number;
	char name[64];		/* as in sysfs, with ! for / */
};

struct facts {
	struct device *devices;		/* sorted by instance */
	size_t device_count;
	struct interface *interfaces;
	size_t interface_count;
	struct disk *disks;
	size_t disk_count;
	/*
	 * "the nfs mount /srv in /etc/fstab": the machine mounts it at boot,
	 * through a NIC that is not known then; "" if there is none
	 */
	char network_mount[REASON_SIZE];
	int route_error;		/* -errno: routes or mounts could not be read */
	char route_source[SOURCE_SIZE];	/* the file or directory that could not be read */
	int device_error;		/* -errno: a device could not be read, and is missing */
};

/*
 * facts_read() - read the machine
 *
 * Returns 0 or -errno; -ENODEV without VMBus. Call facts_free() in every case.
 * The error members record what could not be read, and the guard treats that as
 * "in use".
 */
int facts_read(struct facts *facts);
void facts_free(struct facts *facts);

/*
 * facts_claim_disks() - try to open each disk below a device exclusively
 *
 * The kernel refuses this for a disk that a file system, a volume or a program
 * has claimed, even if sysfs and the mount table do not show that, as for the
 * second disk of a btrfs or a member of a ZFS pool. A mount of the disk fails
 * while the disk is open here, so call this only for a device that is about to
 * be bound. The result is in facts->devices[device].disk and .disk_error.
 */
void facts_claim_disks(struct facts *facts, size_t device);

/*
 * Return whether the interface @lower is directly below @upper, as a virtual
 * function is.
 */
bool facts_is_below(const char *lower, const char *upper);

/* Return the index of the device with this instance GUID, or -1. */
int facts_device(const struct facts *facts, const char *instance);

/* Return the first interface of a device, or NULL. */
const struct interface *facts_interface(const struct facts *facts, size_t device);

#endif
