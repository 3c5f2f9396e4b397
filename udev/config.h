/* SPDX-License-Identifier: GPL-2.0-only */
/* Read the rules of the administrator and of packages: hyperv-uio.conf(5). */
#ifndef HVUIO_CONFIG_H
#define HVUIO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmbus.h"

#include "memory.h"
#include "text.h"

/* This driver gives a device to user space; it is the default of a rule. */
#define UIO_DRIVER "uio_hv_generic"

#define DRIVER_NAME_MAX 63
#define INTERFACE_SIZE	16 /* IF_NAMESIZE */
#define ACCOUNT_SIZE	33 /* the name of a user or group */
#define LINK_SIZE	64

/*
 * A line of a file. @file is NULL if there is none. The text is valid as long
 * as the configuration.
 */
struct place {
	const char *file;
	unsigned int line;
};

enum name_kind { NAME_GUID, NAME_INTERFACE, NAME_MAC };

/* How a section names devices */
struct device_name {
	enum name_kind kind;
	/*
	 * the GUID of a class or an instance, an interface such as eth1, or a
	 * MAC in lower case
	 */
	char text[GUID_SIZE];
};

/* The settings that a rule applies to a device after it is bound */
struct settings {
	uint64_t ring_size;	   /* bytes; 0: the driver's default */
	uint64_t recv_buffer_size; /* the same */
	uint64_t send_buffer_size; /* the same */
	char owner[ACCOUNT_SIZE];  /* a name or a number; "": do not change it */
	char group[ACCOUNT_SIZE];  /* the same */
	int mode;		   /* -1: do not change it */
	char link[LINK_SIZE];	   /* below /dev/vmbus; "": none */
};

enum key {
	KEY_DRIVER,
	KEY_ENABLE,
	KEY_FORCE,
	KEY_RING_SIZE,
	KEY_RECV_BUFFER_SIZE,
	KEY_SEND_BUFFER_SIZE,
	KEY_OWNER,
	KEY_GROUP,
	KEY_MODE,
	KEY_LINK,
	KEY_COUNT
};

/*
 * How closely a section names a device. A later value takes precedence over an
 * earlier one.
 */
enum rule_scope { SCOPE_NONE, SCOPE_CLASS, SCOPE_INTERFACE, SCOPE_MAC, SCOPE_INSTANCE };

/* What one section says, or the sum of all sections about one device */
struct rule {
	enum rule_scope scope;	/* SCOPE_NONE: no section names the device */
	struct place at;	/* the header of the section that names the device most closely */
	struct place faulty_at; /* a section of a faulty file that names the device */
	struct place key_at[KEY_COUNT]; /* line 0: no section has the key; it has its default */
	char driver[DRIVER_NAME_MAX + 1];
	bool enable;
	bool force;
	struct settings settings;
};

struct section {
	bool is_faulty;		/* its file has a fault: bind none of its devices */
	bool is_administrators; /* its file is in the directory of the administrator */
	struct device_name name;
	struct rule rule;
};

/* A fault in a file, or a warning about something that is probably a mistake */
struct finding {
	struct place at; /* line 0: the whole file */
	bool is_fault;
	char *text;
};

/*
 * A faulty file has no effect. vmbus-bind also leaves alone the devices that
 * its sections name, because the faulty file may be the one that disables them.
 * The other files remain in effect.
 */
struct config {
	struct section *sections; /* in the order in which they were read */
	size_t count;
	struct finding *findings;
	size_t finding_count;
	size_t faults; /* the number of findings that are faults */
	/*
	 * An enable=no whose section could not be read, a faulty line that may
	 * be one, or a file that could not be read. It may apply to any device,
	 * so no rule binds a device that the machine may need.
	 */
	struct place forbidden_at;
	struct strings files; /* the paths to which the places point */
};

struct device;

/*
 * Read every file. A file that is faulty or cannot be read becomes a finding.
 * Call config_free() in every case.
 */
void config_load(struct config *config);
void config_free(struct config *config);

/*
 * config_rule() - compute the rule for one device
 *
 * A section for an instance takes precedence over one for a MAC, a MAC over an
 * interface, and an interface over a class. Among sections of the same kind the
 * one that was read last wins, key by key. With @with_faulty, for a release,
 * the readable parts of faulty files count, too.
 */
void config_rule(const struct config *config, const struct device *device, bool with_faulty,
		 struct rule *rule);

/* Add a finding with a copy of the text. */
void config_add_finding(struct config *config, struct place at, bool is_fault, const char *format,
			...) __attribute__((format(printf, 4, 5)));

/*
 * Add a section without keys. It takes precedence over sections of the same
 * kind that were added before. The result is valid until the next one is added.
 */
struct section *config_add_section(struct config *config, enum name_kind kind, const char *text,
				   struct place at);

/*
 * Set a key of a section, whose line is @at, from its text. Return false if the
 * text is no value of the key; the section then stays as it is.
 */
bool config_set(struct section *section, enum key key, const char *text, struct place at);

/* Return whether @name names a device. */
bool config_names(const struct device_name *name, const struct device *device);

/*
 * Return whether the machine may need the devices of a class, which may be
 * NULL: NICs, disk controllers, and PCI Express bridges. A bridge may pass
 * through disks and NICs, which are not known until they appear.
 */
bool config_is_guarded(const char *class_name);

/*
 * Return whether sections compare the interface or the MAC of a NIC for which
 * these are not known. The rule for the NIC is then not known either.
 */
bool config_is_unsure(const struct config *config, const struct device *device);

/*
 * config_parse_name() - parse the text between [ and ]
 *
 * The text is a class, a GUID, "mac 00:15:5d:01:02:03" or "interface eth1".
 *
 * Returns 0 or -EINVAL.
 */
int config_parse_name(const char *text, struct device_name *name);

/*
 * Parse the size of a ring or a buffer: a multiple of the page size below
 * 4 GiB, in bytes, or in KiB or MiB with K or M after the number. The number is
 * decimal. vmbusctl's argument and the configuration share this syntax.
 */
bool config_parse_size(const char *text, uint64_t *size);

/* Return the path of driverctl's file for a device as a new string. */
char *config_driverctl_path(const char *instance);

/* Return "FILE:LINE" as a new string, or "FILE" for the file as a whole. */
char *place_format(const struct place *place);

/* Return whether a text can be the name of a driver. */
bool config_is_driver(const char *name);

#endif
