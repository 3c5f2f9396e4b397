/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of vmbusctl, their help and their exit status */
#ifndef HVUIO_COMMAND_H
#define HVUIO_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "engine.h"
#include "log.h"

/* The exit status. vmbusctl(8) documents each number, so none may change. */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,    /* something could not be read or written */
	EXIT_USAGE = 2,	    /* wrong arguments */
	EXIT_NO_VMBUS = 3,  /* the machine has no VMBus */
	EXIT_NO_DEVICE = 4, /* no device has that name */
	EXIT_AMBIGUOUS = 5, /* several devices have that name */
	EXIT_REFUSED = 6,   /* the device may be in use */
	EXIT_FINDINGS = 7,  /* doctor found a problem or a warning */
};

/* What the options of a command say */
struct options {
	bool json, verbose, force;
	enum change_when when;
	double interval; /* seconds */
	long count;	 /* 0: no limit */
};

struct command {
	const char *name;
	const char *arguments; /* for the usage line */
	const char *summary;   /* one line for the list of commands */
	const char *help;      /* what the command does, and its options */
	/*
	 * The long options that the command accepts, and that completion
	 * offers: "--json --now|--boot". Options with a '|' between them
	 * exclude each other. Completion offers "--settle@--all" only after
	 * --all. An option that needs a value ends in '='.
	 */
	const char *options;
	/*
	 * The operands, one letter for each: i for an identifier of one device,
	 * I for several, u for a device in user space, g for an instance, d for
	 * a driver, s for a size. I may repeat, and may be missing.
	 */
	const char *takes;
	int least; /* operands that may not be missing */
	/*
	 * Run the command, and return the exit status. A command on one device
	 * has on_device(), which gets the device and the second operand, or
	 * NULL. Every other command has run().
	 */
	int (*run)(const struct options *options, int count, char **operands);
	int (*on_device)(const struct options *options, struct engine *engine,
			 struct device *device, const char *operand);
};

extern const struct command *const commands[]; /* NULL after the last */

const struct command *command_find(const char *name);

/*
 * Parse the arguments of a command, run it, and return the exit status. argv[0]
 * is the name of the program and of the command, for messages.
 */
int command_run(const struct command *command, int argc, char **argv);

/*
 * Print why the arguments are wrong, and where the help is. Return EXIT_USAGE.
 */
int command_misused(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Read the machine and the rules. Return 0, or EXIT_NO_VMBUS or EXIT_FAILED
 * after a message. Call engine_free() in every case.
 */
int command_read(struct engine *engine);

/* Return the exit status for a result of the engine. */
int command_status(enum engine_result result);

/*
 * Flush standard output. Return @status, or print a message and return
 * EXIT_FAILED if the output could not be written.
 */
int command_end(int status);

extern const struct command bind_command, complete_command, doctor_command, list_command,
	list_overrides_command, ring_size_command, set_override_command, show_command,
	unbind_command, unset_override_command, watch_command;

#endif
