/* SPDX-License-Identifier: GPL-2.0-only */
/* The rules of the administrator and of packages: hyperv-uio.conf(5). */
#ifndef HVUIO_CONFIG_H
#define HVUIO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmbus_bufring.h>

#define DRIVER_NAME_MAX 63
#define INTERFACE_SIZE  16	/* IF_NAMESIZE */
#define MAC_SIZE        18	/* "00:15:5d:01:02:03" */
#define ACCOUNT_SIZE    33	/* the name of a user or group */
#define LINK_SIZE       64

enum tristate { UNSET, NO, YES };

/*
 * A line of a file; file is NULL for nowhere. The text lives as long as the
 * configuration.
 */
struct place {
	const char *file;
	unsigned int line;
};

/* How a section or an exclude names devices. */
struct device_name {
	enum { NAME_GUID, NAME_INTERFACE, NAME_MAC } kind;
	/*
	 * The GUID of a class or of an instance, eth1, or a MAC in lower case
	 */
	char text[VMBUS_GUID_SIZE];
};

/* What a rule sets on a device once the driver has it. */
struct settings {
	uint64_t ring_size;		/* bytes; 0: leave the driver's choice */
	uint64_t recv_buffer_size;	/* the same */
	uint64_t send_buffer_size;	/* the same */
	char owner[ACCOUNT_SIZE];	/* a name or a number; "": leave it */
	char group[ACCOUNT_SIZE];	/* the same */
	int mode;			/* -1: leave it */
	char link[LINK_SIZE];		/* below /dev/vmbus; "": none */
};

struct section {
	bool is_faulty;			/* its file is: it names devices that are left alone */
	struct device_name name;
	struct place at;		/* the line of its header */
	struct device_name *excludes;
	size_t exclude_count;
	char driver[DRIVER_NAME_MAX + 1];
	enum tristate enable;
	enum tristate force;
	struct place enable_at;
	struct settings settings;
};

/*
 * A fault of a file, or else a hint: something that the administrator probably
 * does not mean.
 */
struct finding {
	struct place at;		/* line 0: the whole file */
	bool is_fault;
	char *text;
};

/*
 * What a faulty file says counts for nothing, and the devices that its sections
 * name are left alone: it may be the file that forbids one. The other files
 * hold.
 */
struct config {
	struct section *sections;	/* in the order in which they were read */
	size_t count;
	struct finding *findings;
	size_t finding_count;
	/*
	 * An enable=no whose section could not be read. It may mean any device,
	 * so no rule holds for any.
	 */
	struct place forbidden_at;
	char **files;
	size_t file_count;
};

/* What a rule can compare. NULL or "": not known. */
struct identity {
	const char *instance;
	const char *class_id;
	const char *mac;
	const char *interface;
};

/*
 * Which of the sections that name a device names it most closely; a later one
 * here wins over an earlier one.
 */
enum rule_scope { SCOPE_NONE, SCOPE_CLASS, SCOPE_INTERFACE, SCOPE_MAC, SCOPE_INSTANCE };

/* What all sections together say about one device. */
struct rule {
	enum rule_scope scope;		/* SCOPE_NONE: no section names the device */
	struct place at;		/* the section that decides the scope */
	char driver[DRIVER_NAME_MAX + 1];
	bool enable;
	struct place enable_at;		/* where enable=no stands */
	bool force;
	struct place faulty_at;		/* a section of a faulty file that names the device */
	struct settings settings;
};

/*
 * config_load() - read every file
 *
 * Returns 0, or -EINVAL when a file is faulty or cannot be read: findings then
 * says what is wrong, and config holds what the other files say. -ENOMEM:
 * config may lack any of it, and nothing is to be bound. config_free() it in
 * every case.
 */
int config_load(struct config *config);
void config_free(struct config *config);

/*
 * config_rule() - find out what the configuration says about one device
 *
 * Instances win over MACs, these over interfaces, these over classes; among
 * equals the section that was read last wins, key by key. A section does not
 * count for what it excludes.
 */
void config_rule(const struct config *config, const struct identity *device, struct rule *rule);

/*
 * Do as config_rule(), but count what could be read of faulty files too: for
 * releasing devices.
 */
void config_rule_of_all(const struct config *config, const struct identity *device,
			struct rule *rule);

/* Note a finding; text is copied. 0 or -ENOMEM. */
int config_add_finding(struct config *config, struct place at, bool is_fault,
		       const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Whether rules compare an interface or a MAC that is not known of a network
 * adapter. Then it is not known either what they say about the adapter.
 */
bool config_is_unsure(const struct config *config, const struct identity *device);

/* Whether any section compares interfaces or MACs. */
bool config_uses_interfaces(const struct config *config);

/*
 * config_parse_name() - parse what stands between [ and ]
 *
 * That is a class, a GUID, "mac 00:15:5d:01:02:03" or "interface eth1".
 *
 * Returns 0 or -EINVAL.
 */
int config_parse_name(const char *text, struct device_name *name);

/*
 * Parse decimal digits and nothing else, below UINT32_MAX: chown(2) takes that
 * for "leave it".
 */
bool config_parse_number(const char *text, uint32_t *number);

/* Tell whether a text may be the name of a driver. */
bool config_is_driver(const char *name);

#endif
