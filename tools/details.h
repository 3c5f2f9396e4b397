/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What list, show and watch show about a device beyond the description that
 * vmbus-bind needs (device.h)
 */
#ifndef HVUIO_DETAILS_H
#define HVUIO_DETAILS_H

#include "device.h"

struct channel {
	uint32_t relid;
	/* Each is -1 if the kernel does not show it. */
	int64_t index; /* 0: the primary channel */
	int64_t cpu;
	int64_t monitor_id;
	int64_t interrupts; /* from the host */
	int64_t signals;    /* to the host */
	int64_t from_host;  /* bytes that wait in the ring */
	int64_t to_host;
};

struct channels {
	struct channel *items; /* the primary channel first, then by index */
	size_t count;
	uint64_t data_bytes; /* the capacity of one direction; 0: not known */
};

struct map {
	char *name;
	uint64_t size;
};

struct details {
	char state[32];	    /* of the primary channel */
	char *module_state; /* as our module shows it, such as "open"; NULL with another driver */
	bool monitored;
	struct strings interfaces; /* the network interfaces below the device */
	struct strings disks;
	struct strings links; /* below /dev/vmbus, without sysroot() */
	uint64_t ring_bytes;  /* of one direction, with its header; 0: not known */
	int64_t events;	      /* the interrupts that UIO has counted; -1: not known */
	struct map *maps;
	size_t map_count;
	struct channels channels;
};

/*
 * Read the details. Return NULL, or a new string that says what cannot be read.
 */
char *details_read(const struct device *device, struct details *details);
void details_free(struct details *details);

/* Read only the channels, for watch. @ring_bytes is 0 if it is not known. */
void channels_read(const struct device *device, uint64_t ring_bytes, struct channels *channels);

/*
 * List the links below /dev/vmbus to a UIO device such as "uio0", sorted,
 * without sysroot().
 */
struct strings links_of(const char *uio);

/* Find the interfaces and disks below a device, also behind a PCI bridge. */
void read_below(const struct device *device, struct strings *interfaces, struct strings *disks);

#endif
