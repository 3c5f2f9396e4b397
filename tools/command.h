/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of vmbusctl, their help and their exit status */
#ifndef HVUIO_COMMAND_H
#define HVUIO_COMMAND_H

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

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

struct command {
	const char *name;
	const char *arguments; /* for the usage line */
	const char *summary;   /* one line for the list of commands */
	const char *help;      /* what the command does, and its options */
	/*
	 * The long options, for completion: "--json --now|--boot". Those with a
	 * '|' between them exclude each other. An option is offered after
	 * another one only if that follows an '@': "--settle@--all". An option
	 * that needs a value ends in '='.
	 */
	const char *options;
	/*
	 * What completion offers, one letter for each argument: i for an
	 * identifier of one device, I for several, u for a device in user
	 * space, g for an instance, d for a driver, s for a size. I may repeat.
	 */
	const char *takes;
	int (*run)(int argc, char **argv);
};

extern const struct command *const commands[]; /* NULL after the last */

const struct command *command_find(const char *name);

/* Every command has these options; command_option() handles them. */
#define COMMON_OPTIONS \
	{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { 0 }

/*
 * Like getopt_long(), but handle the common options. Return -1 after the last
 * option. If the command has to end, because of --help, --version or a wrong
 * option, return 0 with the exit status in *status.
 */
int command_option(const struct command *command, int argc, char **argv, const char *letters,
		   const struct option *options, int *status);

/*
 * Print why the arguments are wrong, if getopt has not done so (@format is not
 * NULL), and where the help is, to standard error. Return EXIT_USAGE.
 */
int command_misused(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Return 0 if @count, the number of operands in @operands, is in the range.
 * Otherwise report that one is missing, or which one is too many, and return
 * EXIT_USAGE.
 */
int command_operands(const struct command *command, int count, char **operands, int least,
		     int most);

/* Report that the option --bus of driverctl is wrong. Return EXIT_USAGE. */
int command_wrong_bus(const char *bus);

/* Print "vmbusctl: " and a message, one line, to standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Flush standard output. Return @status, or print a message and return
 * EXIT_FAILED if the output could not be written.
 */
int command_end(int status);

extern const struct command bind_command, complete_command, doctor_command, list_command,
	list_overrides_command, ring_size_command, set_override_command, show_command,
	unbind_command, unset_override_command, watch_command;

#endif
