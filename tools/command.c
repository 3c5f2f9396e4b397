// SPDX-License-Identifier: GPL-2.0-only
#include "command.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "identify.h"

const struct command *const commands[] = { &list_command,
					   &show_command,
					   &watch_command,
					   &doctor_command,
					   &bind_command,
					   &unbind_command,
					   &ring_size_command,
					   &set_override_command,
					   &unset_override_command,
					   &list_overrides_command,
					   NULL };

const struct command *command_find(const char *name)
{
	/* driverctl's name for it */
	if (!strcmp(name, "list-devices"))
		name = list_command.name;
	for (const struct command *const *command = commands; *command; command++)
		if (!strcmp((*command)->name, name))
			return *command;
	return !strcmp(complete_command.name, name) ? &complete_command : NULL;
}

static int see_help(const struct command *command)
{
	fprintf(stderr, "Try 'vmbusctl %s --help' for more information.\n", command->name);
	return EXIT_USAGE;
}

int command_misused(const struct command *command, const char *format, ...)
{
	char why[512];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	msg(LOG_ERR, "%s: %s", command->name, why);
	return see_help(command);
}

/* Every option of vmbusctl */
static const struct option all_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "json", no_argument, NULL, 'j' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "force", no_argument, NULL, 'f' },
	{ "bus", required_argument, NULL, 'b' },
	{ "interval", required_argument, NULL, 'n' },
	{ "count", required_argument, NULL, 'c' },
	/* These have no letter on the command line. */
	{ "now", no_argument, NULL, 'N' },
	{ "nosave", no_argument, NULL, 'N' },
	{ "boot", no_argument, NULL, 'B' },
	{ "noprobe", no_argument, NULL, 'B' },
	{ "persistent", no_argument, NULL, 'P' },
	{ 0 },
};

static const char letters[] = "hVjvfb:n:c:";

/* Return whether the list of a command has an option. */
static bool is_listed(const struct command *command, const char *name)
{
	const size_t length = strlen(name);
	const char *at = command->options;

	while ((at = strstr(at, name))) {
		if (at[-1] == '-' && !isalpha((unsigned char)at[length]))
			return true;
		at += length;
	}
	return false;
}

/*
 * Parse a number from min to max. Return false if the text is not such a
 * number.
 */
static bool parse_number(const char *text, double min, double max, double *value)
{
	char *end;

	*value = strtod(text, &end);
	return end != text && !*end && *value >= min && *value <= max;
}

/* Store the value of an option. Return 0, or EXIT_USAGE after a message. */
static int take_value(struct options *options, char letter)
{
	double count;

	if (letter == 'b' && strcmp(optarg, "vmbus")) {
		msg(LOG_ERR, "the bus must be vmbus, not %s; use driverctl for other buses",
		    optarg);
		return EXIT_USAGE;
	}
	if (letter == 'n' && !parse_number(optarg, 0.1, 3600, &options->interval)) {
		msg(LOG_ERR, "the interval must be 0.1 to 3600 seconds, not '%s'", optarg);
		return EXIT_USAGE;
	}
	if (letter == 'c') {
		if (!parse_number(optarg, 1, 1e9, &count) || count != (long)count) {
			msg(LOG_ERR, "the count must be 1 to 1000000000, not '%s'", optarg);
			return EXIT_USAGE;
		}
		options->count = count;
	}
	return 0;
}

static void set_flag(struct options *options, char letter)
{
	options->json |= letter == 'j';
	options->verbose |= letter == 'v';
	options->force |= letter == 'f';
	if (letter == 'N')
		options->when = CHANGE_NOW;
	if (letter == 'B')
		options->when = CHANGE_BOOT;
}

/*
 * Parse the options. Return true if the command is to run. Otherwise *status
 * has the exit status.
 */
static bool parse(const struct command *command, int argc, char **argv, struct options *options,
		  int *status)
{
	int letter, index = -1, when = 0;

	while ((letter = getopt_long(argc, argv, letters, all_options, &index)) >= 0) {
		/* getopt_long() sets the index only for a long option. */
		for (int i = 0; index < 0 && all_options[i].name; i++)
			if (all_options[i].val == letter)
				index = i;
		if (letter == 'h') {
			printf("usage: vmbusctl %s%s%s\n%s", command->name,
			       command->arguments[0] ? " " : "", command->arguments, command->help);
			*status = EXIT_OK;
			return false;
		} else if (letter == 'V') {
			puts("vmbusctl " HYPERV_UIO_VERSION);
			*status = EXIT_OK;
			return false;
		} else if (letter == '?') {
			*status = see_help(command);
			return false;
		}
		*status = is_listed(command, all_options[index].name) ?
				  take_value(options, letter) :
				  command_misused(command, "unexpected option --%s",
						  all_options[index].name);
		if (!*status && strchr("NBP", letter) && when++)
			*status = command_misused(command, "%s exclude each other",
						  is_listed(command, "nosave") ?
							  "--nosave and --noprobe" :
							  "--now and --boot");
		if (*status)
			return false;
		set_flag(options, letter);
		index = -1;
	}
	return true;
}

int command_read(struct engine *engine)
{
	int err = engine_read(engine);

	if (err == -ENODEV) {
		msg(LOG_ERR,
		    "this machine has no VMBus: either it is not a guest of Hyper-V, or hv_vmbus is not loaded (see 'vmbusctl doctor')");
		return EXIT_NO_VMBUS;
	}
	if (engine->machine.fault)
		msg(LOG_ERR, "%s", engine->machine.fault);
	return err ? EXIT_FAILED : 0;
}

static int check_driver(const char *driver)
{
	if (!strcmp(driver, "none"))
		msg(LOG_ERR,
		    "none: a device cannot be kept without a driver; 'vmbusctl unbind' lets the kernel choose one");
	else if (config_is_driver(driver))
		return 0;
	else
		msg(LOG_ERR, "'%s' is not the name of a driver", driver);
	return EXIT_USAGE;
}

/* Check a SIZE, or the word "default". */
static int check_size(const char *text)
{
	uint64_t size;

	if (!strcmp(text, "default") || config_parse_size(text, &size))
		return 0;
	msg(LOG_ERR,
	    "'%s' is no ring size: a ring size is a multiple of %d bytes, more than 0 and less than 4096M, such as 64K or 1M, or 'default'",
	    text, getpagesize());
	return EXIT_USAGE;
}

/*
 * Check what can be checked without the machine. Return 0, or EXIT_USAGE after
 * a message.
 */
static int check_operands(const struct command *command, int count, char **operands)
{
	int status = 0;

	for (int i = 0; i < count && command->takes[i] && !status; i++) {
		if (command->takes[i] == 'd')
			status = check_driver(operands[i]);
		else if (command->takes[i] == 's')
			status = check_size(operands[i]);
	}
	return status;
}

/* Run a command on the device that the first operand names. */
static int run_on_device(const struct command *command, const struct options *options,
			 char **operands)
{
	struct device *device;
	struct engine engine;
	int status = command_read(&engine);

	if (!status)
		status = identify(&engine, operands[0], &device);
	if (!status)
		status = command->on_device(options, &engine, device, operands[1]);
	engine_free(&engine);
	return status;
}

int command_run(const struct command *command, int argc, char **argv)
{
	struct options options = { .when = CHANGE_BOTH, .interval = 1 };
	const int most = strcmp(command->takes, "I") ? (int)strlen(command->takes) : INT_MAX;
	int count, status;

	/* The words of another program, for completion, are no options. */
	if (!*command->options)
		optind = 1;
	else if (!parse(command, argc, argv, &options, &status))
		return command_end(status);
	count = argc - optind;
	argv += optind;
	if (count > most)
		return command_misused(command, "unexpected argument '%s'", argv[most]);
	if (count < command->least)
		return command_misused(command,
				       count ? "an argument is missing after '%s'" :
					       "an argument is missing",
				       count ? argv[count - 1] : "");
	status = check_operands(command, count, argv);
	if (status)
		return status;
	if (command->on_device)
		return command_end(run_on_device(command, &options, argv));
	return command_end(command->run(&options, count, argv));
}

int command_status(enum engine_result result)
{
	static const int statuses[] = {
		[ENGINE_DONE] = EXIT_OK,	 [ENGINE_FAILED] = EXIT_FAILED,
		[ENGINE_REFUSED] = EXIT_REFUSED, [ENGINE_FAULTY] = EXIT_USAGE,
		[ENGINE_GONE] = EXIT_FAILED,
	};

	return statuses[result];
}

int command_end(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	msg(LOG_ERR, "standard output: %s", strerror(errno));
	return status ? status : EXIT_FAILED;
}
