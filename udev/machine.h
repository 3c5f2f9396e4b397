/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of facts_read(): routes, network file systems, disks, and the
 * configuration of networks.
 */
#ifndef HVUIO_MACHINE_H
#define HVUIO_MACHINE_H

#include <stdio.h>
#include <sys/types.h>

#include "facts.h"

/*
 * The name of an interface, and after it those of everything that is stacked on
 * it: bonds, bridges, VLANs.
 */
struct stack {
	char (*names)[INTERFACE_SIZE];
	size_t count;
};

struct address {
	int family;		/* AF_INET or AF_INET6; 0: not known */
	unsigned char bytes[16];
};

struct route {
	char interface[INTERFACE_SIZE];
	struct address to;
	unsigned int prefix;	/* bits of to that count; 0: the default route */
	unsigned int metric;
};

/* Somebody on the network whom this machine needs. */
struct peer {
	char text[192];	/* "the nfs mount /srv" */
	struct address address;
};

struct routes {
	struct route *list;
	size_t count;
	char (*global)[INTERFACE_SIZE];	/* interfaces with a global IPv6 address */
	size_t global_count;
	struct peer *peers;
	size_t peer_count;
	char (*pppoe)[INTERFACE_SIZE];	/* interfaces below a PPPoE session */
	size_t pppoe_count;
};

/*
 * Append a cleared element to the list at *@list. Returns NULL without memory.
 */
void *machine_grow(void *list, size_t *count, size_t size);

/* A file below vmbus_sysroot() for reading, or NULL and errno. */
FILE *open_rooted(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The main tables of IPv4 and IPv6, and the peers. 0 or -errno. */
int routes_read(struct routes *routes);
void routes_free(struct routes *routes);

/*
 * What routes and the stack itself say about an interface: default_route,
 * address, needed_by.
 */
void routes_judge(const struct routes *routes, const struct stack *stack,
		  struct interface *interface);

/*
 * disk_in_use() - find out whether a disk or partition is mounted, swapped to
 * or held
 * @folder: its folder in sysfs
 * @number: the result, its device number
 * @why: the answer: one sentence, or "" when it is not in use
 *
 * Returns 0 or -errno.
 */
int disk_in_use(const char *folder, const char *name, dev_t *number, char why[REASON_SIZE]);

/* The files that configure interfaces. */
struct netconfig;

/* Returns NULL without memory. */
struct netconfig *netconfig_read(void);
void netconfig_free(struct netconfig *netconfig);

/*
 * netconfig_find() - find the file that brings an interface up at boot, with a
 * default route
 * @driver: its driver in the kernel; "" when that is not known
 * @file: the answer, or "": there is none, or it is in doubt
 */
void netconfig_find(const struct netconfig *netconfig, const char *name, const char *mac,
		    const char *driver, char file[SOURCE_SIZE]);

#endif
