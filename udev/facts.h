/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read the VMBus devices, the interfaces of the NICs among them, and what is
 * stacked on these interfaces.
 */
#ifndef HVUIO_FACTS_H
#define HVUIO_FACTS_H

#include "config.h"
#include "note.h"

/* The interfaces that go down when user space takes a NIC */
struct stack {
	char (*names)[INTERFACE_SIZE];
	size_t count;
	size_t above;			/* from this index on, they are above the NIC */
	char up[INTERFACE_SIZE];	/* the first that is administratively up; "": none is */
	bool is_read;
	int error;			/* -errno: the stack could not be read completely */
};

struct device {
	char instance[VMBUS_GUID_SIZE];
	char class_id[VMBUS_GUID_SIZE];
	const char *class_name;		/* a short name, or NULL */
	char driver[DRIVER_NAME_MAX + 1]; /* "": none */
	/*
	 * The interface of a NIC. If user space has the NIC, this is the
	 * interface that vmbus-bind took: see note.h. Both texts are "" if they
	 * are not known.
	 */
	char interface[INTERFACE_SIZE];
	char mac[MAC_SIZE];
	bool has_interface;		/* the interface exists */
	bool is_named;			/* udev has named it; until then its name may change */
	struct stack stack;		/* facts_read_stack() reads it */
	bool is_held;			/* see note.h */
};

struct facts {
	struct device *devices;		/* sorted by instance */
	size_t device_count;
	int device_error;		/* -errno: a device could not be read, and is missing */
};

/*
 * facts_read() - read every device
 *
 * Returns 0 or -errno; -ENODEV without VMBus. Call facts_free() in every case.
 */
int facts_read(struct facts *facts);
void facts_free(struct facts *facts);

/*
 * facts_read_one() - read one device
 *
 * @device is valid after a return of 0. Call facts_free_one() then.
 */
int facts_read_one(const struct vmbus_device *dev, struct device *device);
void facts_free_one(struct device *device);

/*
 * facts_read_stack() - find the interfaces that go down with a NIC
 *
 * These are its own interface, its virtual functions, and all interfaces above
 * and below it: bonds, bridges, VLANs, macvlans and tunnels. A virtual function
 * is below the interface, or has its MAC. The other members of a bond or a
 * bridge do not belong to the stack.
 *
 * vmbus-bind takes a NIC if no interface of its stack is up, and it sets down
 * this stack when it is forced. A second call does nothing.
 */
void facts_read_stack(struct device *device);

/* Return 1 if an interface is up, 0 if it is down or absent, or -errno. */
int facts_is_up(const char *interface);

/*
 * Return whether this kernel saves the memory of a crashed one. It has little
 * memory and needs its network and disks, so it binds nothing.
 */
bool facts_is_kdump(void);

/* Return the index of the device with this instance GUID, or -1. */
int facts_device(const struct facts *facts, const char *instance);

#endif
