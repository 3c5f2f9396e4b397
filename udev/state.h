/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The record of a device, which is kept across reboots: a file
 * /var/lib/hyperv-uio/INSTANCE with lines KEY=VALUE. To forget a device, remove
 * its file.
 *
 * 	mac=00:15:5d:01:02:03		of the last interface of the device
 * 	interface=eth1			the name of that interface
 * 	verdict=safe | needed		an administrator's check of routes and
 * 					mounts: the machine can do without the
 * 					device, or not
 * 	reason=TEXT			why, one sentence
 * 	rule=FILE [class]		the section that the verdict was about
 * 					(or [instance], [mac], [interface])
 * 	driver=NAME			the driver that it names
 * 	checked=2026-11-20T12:00:00Z	when
 */
#ifndef HVUIO_STATE_H
#define HVUIO_STATE_H

#include "config.h"

#ifndef STATE_FOLDER
#define STATE_FOLDER "/var/lib/hyperv-uio"
#endif

#define REASON_SIZE 256
#define RULE_SIZE   512

enum verdict { VERDICT_NONE, VERDICT_SAFE, VERDICT_NEEDED };

struct record {
	char mac[MAC_SIZE];		/* "" in any of these texts: not known */
	char interface[INTERFACE_SIZE];
	enum verdict verdict;
	char reason[REASON_SIZE];
	char rule[RULE_SIZE];
	char driver[DRIVER_NAME_MAX + 1];
	char checked[32];
};

/*
 * state_read() - read the record of a device
 *
 * Returns 0 or -errno. If there is no record, it returns 0 and *record is
 * empty. A line that cannot be parsed invalidates the whole record: -EPROTO.
 * After an error *record is empty.
 */
int state_read(const char *instance, struct record *record);

/*
 * Replace the record of a device, or remove it if it is empty. Return 0 or
 * -errno, such as -EROFS early at boot.
 */
int state_write(const char *instance, const struct record *record);

/*
 * Write the text for record.rule: the file of the rule, and how it names the
 * device. The text omits the line number, because it may change.
 */
void state_rule_text(const struct rule *rule, char text[RULE_SIZE]);

#endif
