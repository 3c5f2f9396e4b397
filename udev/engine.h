/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Change a device: vmbus-bind and vmbusctl parse their arguments, call these
 * functions, and print what they read.
 *
 * A program reads the machine and the rules once, with engine_read(). To change
 * a device, a function decides, takes the lock of the device, and reads the
 * device and the rules again. It then writes the file of the rule, acts, and
 * restores the file after a failure. It reports the result in one line: success
 * to standard output, everything else with msg().
 */
#ifndef HVUIO_ENGINE_H
#define HVUIO_ENGINE_H

#include "device.h"
#include "plan.h"

struct engine {
	struct machine machine;
	struct config config;
};

/*
 * Read the machine and the rules. Return the result of machine_read(). Call
 * engine_free() in every case.
 */
int engine_read(struct engine *engine);
void engine_free(struct engine *engine);

/* Decide about a device as vmbus-bind --all does. */
void engine_plan(const struct engine *engine, struct device *device, struct plan *plan);

enum engine_result {
	ENGINE_DONE,
	ENGINE_FAILED,
	ENGINE_REFUSED, /* the device may be in use, or has to wait */
	ENGINE_FAULTY,	/* a faulty file names the device */
	ENGINE_GONE,	/* the host has rescinded the device */
};

/*
 * engine_bind() - bind a device to the driver of its rule, or of a command
 *
 * A device without a rule stays as it is, unless a command binds it.
 * CHANGE_BOOT and CHANGE_BOTH write the rule of a command.
 */
enum engine_result engine_bind(struct engine *engine, struct device *device,
			       const struct request *request);

/*
 * engine_release() - let the kernel choose a driver
 *
 * This function does nothing if the kernel has chosen the present driver by
 * itself. Without a command it releases only a device that is bound to the
 * driver of its rule. With CHANGE_BOOT and CHANGE_BOTH it removes the
 * configuration of this device alone: its section in the file of vmbusctl, and
 * the entry of driverctl. If another file still names the device, it disables
 * the device in the file of vmbusctl.
 */
enum engine_result engine_release(struct engine *engine, struct device *device,
				  const struct request *request);

/*
 * engine_set_ring_size() - set the ring size of a device, in its rule, or both
 * @size: in bytes; 0: the driver's default
 */
enum engine_result engine_set_ring_size(struct engine *engine, struct device *device, uint64_t size,
					enum change_when when);

/*
 * Print the faults of the configuration with file and line, and the warnings,
 * too, if @with_warnings is set. @file restricts them to one file, or is NULL.
 */
void engine_print_findings(const struct config *config, const char *file, bool with_warnings);

#endif
