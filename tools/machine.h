/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read the VMBus devices of the machine at one moment, with everything that
 * vmbusctl shows about them.
 */
#ifndef HVUIO_MACHINE_H
#define HVUIO_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include <vmbus_bufring.h>

#include "config.h"
#include "memory.h"

struct channel {
	uint32_t relid;
	/* Each is -1 if the kernel does not show it. */
	int64_t index;		/* 0: the primary channel */
	int64_t cpu;
	int64_t monitor_id;
	int64_t interrupts;	/* from the host */
	int64_t signals;	/* to the host */
	int64_t from_host;	/* bytes that wait in the ring */
	int64_t to_host;
};

struct map {
	char *name;
	uint64_t size;
};

struct vdevice {
	struct vmbus_device *handle;
	const char *instance, *class_id;
	const char *class_name;	/* or NULL */
	const char *driver;	/* or NULL */
	const char *uio;	/* "uio0", or NULL */
	char state[32];		/* of the primary channel */
	char module_state[16];	/* as our module shows it, such as "open"; "" with another driver */
	bool monitored;
	struct strings interfaces;	/* the network interfaces below the device */
	struct strings disks;
	struct strings links;		/* below /dev/vmbus, without vmbus_sysroot() */
	/*
	 * The address of the device's own interface. If vmbus-bind has taken
	 * the device, this is the former address, and known_interface is the
	 * former name. Both are "" if they are not known.
	 */
	char mac[MAC_SIZE];
	char known_interface[INTERFACE_SIZE];
	uint64_t ring_bytes;	/* of one direction, with its header; 0: not known */
	uint64_t data_bytes;	/* the capacity of one direction; 0: not known */
	int64_t events;		/* the interrupts that UIO has counted; -1: not known */
	struct map *maps;
	size_t map_count;
	struct channel *channels;	/* the primary channel first, then by index */
	size_t channel_count;
};

struct machine {
	struct vmbus_device **handles;
	struct vdevice *devices;	/* sorted by instance */
	size_t count;
	char *fault;	/* what could not be read, or NULL */
};

/*
 * Read the machine. Return 0, or EXIT_NO_VMBUS or EXIT_FAILED after a message.
 */
int machine_read(struct machine *machine);

/* Like machine_read(), but without messages. */
int machine_read_quietly(struct machine *machine);

void machine_free(struct machine *machine);

/* Return the short name of the device's class, or the GUID of the class. */
const char *device_class(const struct vdevice *device);

#endif
