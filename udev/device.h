/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Describe the VMBus devices, the interfaces of the NICs among them, and what
 * is stacked on these interfaces. vmbus-bind and vmbusctl share this
 * description.
 */
#ifndef HVUIO_DEVICE_H
#define HVUIO_DEVICE_H

#include "config.h"

/*
 * The driver that the kernel chooses for NICs. It makes an interface for every
 * NIC that it has.
 */
#define NIC_DRIVER "hv_netvsc"

/* The interfaces that go down when user space takes a NIC */
struct stack {
	char (*names)[INTERFACE_SIZE];
	size_t count;
	size_t above;		     /* from this index on, they are above the NIC */
	char up[INTERFACE_SIZE];     /* the first that is administratively up; "": none is */
	char member[INTERFACE_SIZE]; /* the member of @up, if that is a bond or a bridge */
	bool is_read;
	int error; /* -errno: the stack could not be read completely */
};

struct device {
	struct vmbus_device *handle;
	const char *instance, *class_id;
	const char *class_name; /* a short name, or NULL */
	/*
	 * The interface of a NIC. If user space has the NIC, this is the
	 * interface that vmbus-bind took: see run.h. Both texts are "" if they
	 * are not known.
	 */
	char interface[INTERFACE_SIZE];
	char mac[MAC_SIZE];
	bool has_interface; /* the interface exists */
	bool is_named;	    /* udev has named it; until then its name may change */
	struct stack stack; /* device_read_stack() reads it */
	bool is_held;	    /* see run.h */
	const char *typed;  /* what the user of vmbusctl typed for the device, or NULL */
};

struct machine {
	struct vmbus_device **handles;
	struct device *devices; /* sorted by instance */
	size_t count;
	char *fault; /* why a device is missing, or NULL */
};

/*
 * machine_read() - read every device
 *
 * Returns 0 or -errno; -ENODEV without VMBus. Call machine_free() in every
 * case.
 */
int machine_read(struct machine *machine);
void machine_free(struct machine *machine);

/* Read a device. The caller keeps the handle, and calls device_clear(). */
void device_read(struct device *device, struct vmbus_device *handle);
void device_clear(struct device *device);

/*
 * Read a device again, with its driver. Return 0, -ENODEV if the host has
 * rescinded it, or another -errno.
 */
int device_reread(struct device *device);

/*
 * Return the present driver, as of the last refresh of the handle, or "" if the
 * device has none.
 */
const char *device_driver(const struct device *device);
bool device_has_driver(const struct device *device, const char *driver);

/*
 * Return whether the device is a NIC whose interface exists or may still
 * appear. A NIC of another driver than hv_netvsc gets none, nor does one whose
 * override names another driver.
 */
bool device_may_have_interface(const struct device *device);

/* Return the path of the device in sysfs, without sysroot(). */
const char *device_sysfs(const struct device *device);

bool device_is_nic(const struct device *device);

/* Return the short name of the class, or its GUID. */
const char *device_class(const struct device *device);

/*
 * Return the name of the device for messages: "INSTANCE (nic)", or what the
 * user typed: "eth1 (b6650ff7…)". The text is valid until the next call.
 */
const char *device_text(const struct device *device);

/*
 * Read the override of a device, which is "" if it is not set. Return 0 or
 * -errno.
 */
int device_override(const struct device *device, char out[DRIVER_NAME_MAX + 1]);

/*
 * device_read_stack() - find the interfaces that go down with a NIC
 *
 * These are its own interface, its virtual functions, and all interfaces above
 * and below it: bonds, bridges, VLANs, macvlans and tunnels. A virtual function
 * is below the interface, or has its MAC. The other members of a bond or a
 * bridge do not belong to the stack.
 *
 * vmbus-bind takes a NIC if no interface of its stack is up, and it sets down
 * this stack when it is forced. A second call does nothing.
 */
void device_read_stack(struct device *device);

#endif
