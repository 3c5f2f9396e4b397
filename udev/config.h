/* SPDX-License-Identifier: GPL-2.0-only */
/* Read the rules of the administrator and of packages: hyperv-uio.conf(5). */
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
 * A line of a file. @file is NULL if there is none. The text lives as long as
 * the configuration.
 */
struct place {
	const char *file;
	unsigned int line;
};

/* How a section, or its key exclude, names devices */
struct device_name {
	enum { NAME_GUID, NAME_INTERFACE, NAME_MAC } kind;
	/*
	 * the GUID of a class or an instance, an interface such as eth1, or a
	 * MAC in lower case
	 */
	char text[VMBUS_GUID_SIZE];
};

/* The settings that a rule applies to a device after it is bound */
struct settings {
	uint64_t ring_size;		/* bytes; 0: the driver's default */
	uint64_t recv_buffer_size;	/* the same */
	uint64_t send_buffer_size;	/* the same */
	char owner[ACCOUNT_SIZE];	/* a name or a number; "": leave it */
	char group[ACCOUNT_SIZE];	/* the same */
	int mode;			/* -1: leave it */
	char link[LINK_SIZE];		/* below /dev/vmbus; "": none */
};

struct section {
	bool is_faulty;			/* its file is: bind none of its devices */
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
 * A fault of a file, or a warning: something that the administrator probably
 * does not mean
 */
struct finding {
	struct place at;		/* line 0: the whole file */
	bool is_fault;
	char *text;
};

/*
 * A faulty file has no effect, and vmbus-bind leaves alone the devices that its
 * sections name: it may be the file that excludes one of them. The other files
 * remain in effect.
 */
struct config {
	struct section *sections;	/* in the order in which they were read */
	size_t count;
	struct finding *findings;
	size_t finding_count;
	/*
	 * An enable=no whose section could not be read. It may be about any
	 * device, so no rule binds any device.
	 */
	struct place forbidden_at;
	char **files;
	size_t file_count;
};

/* What a rule can compare with its sections; NULL or "" if it is not known */
struct identity {
	const char *instance;
	const char *class_id;
	const char *mac;
	const char *interface;
};

/*
 * How closely a section names a device. A later value here wins over an earlier
 * one.
 */
enum rule_scope { SCOPE_NONE, SCOPE_CLASS, SCOPE_INTERFACE, SCOPE_MAC, SCOPE_INSTANCE };

/* The sum of all sections about one device */
struct rule {
	enum rule_scope scope;		/* SCOPE_NONE: no section names the device */
	struct place at;		/* the section that names the device most closely */
	char driver[DRIVER_NAME_MAX + 1];
	bool enable;
	struct place enable_at;		/* the line with enable=no */
	bool force;
	struct place faulty_at;		/* a section of a faulty file that names the device */
	struct settings settings;
};

/*
 * config_load() - read every file
 *
 * Returns 0, or -EINVAL when a file is faulty or cannot be read:
 * config->findings then has the reasons, and config holds the rules of the
 * other files. On -ENOMEM config may be incomplete, and the caller must bind
 * nothing. Call config_free() in every case.
 */
int config_load(struct config *config);
void config_free(struct config *config);

/*
 * config_rule() - compute the rule for one device
 *
 * A section for an instance wins over one for a MAC, this one over one for an
 * interface, and this one over one for a class. Among equals the section that
 * was read last wins, key by key. A section has no effect on the devices that
 * it excludes.
 */
void config_rule(const struct config *config, const struct identity *device, struct rule *rule);

/*
 * Do as config_rule(), but include what could be read of faulty files. This is
 * for releasing devices.
 */
void config_rule_of_all(const struct config *config, const struct identity *device,
			struct rule *rule);

/* Add a finding with a copy of the text. Return 0 or -ENOMEM. */
int config_add_finding(struct config *config, struct place at, bool is_fault,
		       const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Tell whether sections compare an interface or a MAC of a NIC that is not
 * known. Then the rule for the NIC is not known either.
 */
bool config_is_unsure(const struct config *config, const struct identity *device);

/* Tell whether any section compares interfaces or MACs. */
bool config_uses_interfaces(const struct config *config);

/*
 * config_parse_name() - parse the text between [ and ]
 *
 * The text is a class, a GUID, "mac 00:15:5d:01:02:03" or "interface eth1".
 *
 * Returns 0 or -EINVAL.
 */
int config_parse_name(const char *text, struct device_name *name);

/*
 * Parse a decimal number below UINT32_MAX, which chown(2) reserves for
 * "unchanged".
 */
bool config_parse_number(const char *text, uint32_t *number);

/*
 * Parse the size of a ring or a buffer: a multiple of the page size below
 * 4 GiB, in bytes, or in KiB or MiB with K or M after the number. The number is
 * decimal. vmbusctl's argument and the configuration share this syntax.
 */
bool config_parse_size(const char *text, uint64_t *size);

/* Tell whether a text may be the name of a driver. */
bool config_is_driver(const char *name);

#endif
