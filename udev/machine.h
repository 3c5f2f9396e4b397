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
 * An interface, followed by everything that is stacked on it: bonds, bridges,
 * VLANs
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
	unsigned int prefix;	/* length of the prefix; 0: the default route */
	unsigned int metric;
};

/* Another machine on the network that this machine needs */
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
	const char *unreadable;		/* what could not be read, without vmbus_sysroot() */
};

/*
 * Append a cleared element to the list at *@list. Return it, or NULL if there
 * is no memory.
 */
void *machine_grow(void *list, size_t *count, size_t size);

/*
 * Open a file below vmbus_sysroot() for reading. On failure, return NULL with
 * errno set.
 */
FILE *open_rooted(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Read the main tables of IPv4 and IPv6, and the peers. Return 0 or -errno. */
int routes_read(struct routes *routes);
void routes_free(struct routes *routes);

/*
 * Find a network file system or a network disk that is mounted at boot: "the
 * nfs mount /srv in /etc/fstab", or "" if there is none. If the file cannot be
 * read, the text says so.
 */
void routes_find_fstab(char text[REASON_SIZE]);

/*
 * Set default_route, address and needed_by of an interface from the routes and
 * its stack.
 */
void routes_judge(const struct routes *routes, const struct stack *stack,
		  struct interface *interface);

/*
 * disk_in_use() - find out whether a disk or partition is mounted, used as
 * swap, or held
 * @folder: its directory in sysfs
 * @number: the result: its device number
 * @why: the result: one sentence, or "" if it is not in use
 *
 * Returns 0 or -errno.
 */
int disk_in_use(const char *folder, const char *name, dev_t *number, char why[REASON_SIZE]);

/* The contents of the files that configure interfaces */
struct netconfig;

/* Returns NULL if there is no memory. */
struct netconfig *netconfig_read(void);
void netconfig_free(struct netconfig *netconfig);

/*
 * netconfig_find() - find the file that brings an interface up at boot, with a
 * default route
 * @driver: its driver in the kernel; "" if that is not known
 * @file: the result; "" if there is no such file, or if that is in doubt
 */
void netconfig_find(const struct netconfig *netconfig, const char *name, const char *mac,
		    const char *driver, char file[SOURCE_SIZE]);

#endif
