// SPDX-License-Identifier: GPL-2.0-only
#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

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

int command_misused(const struct command *command, const char *format, ...)
{
	char why[512];
	va_list args;

	if (format) {
		va_start(args, format);
		vsnprintf(why, sizeof(why), format, args);
		va_end(args);
		complain("%s: %s", command->name, why);
	}
	fprintf(stderr, "Try 'vmbusctl %s --help' for more information.\n", command->name);
	return EXIT_USAGE;
}

int command_wrong_bus(const char *bus)
{
	complain("the bus must be vmbus, not %s; use driverctl for other buses", bus);
	return EXIT_USAGE;
}

int command_operands(const struct command *command, int count, char **operands, int least, int most)
{
	if (count < least)
		return command_misused(command,
				       count ? "an argument is missing after '%s'" :
					       "an argument is missing",
				       count ? operands[count - 1] : "");
	if (count > most)
		return command_misused(command, "unexpected argument '%s'", operands[most]);
	return 0;
}

int command_option(const struct command *command, int argc, char **argv, const char *letters,
		   const struct option *options, int *status)
{
	int option = getopt_long(argc, argv, letters, options, NULL);

	switch (option) {
	case 'h':
		printf("usage: vmbusctl %s%s%s\n", command->name, command->arguments[0] ? " " : "",
		       command->arguments);
		fputs(command->help, stdout);
		*status = command_end(EXIT_OK);
		return 0;
	case 'V':
		puts("vmbusctl " HYPERV_UIO_VERSION);
		*status = command_end(EXIT_OK);
		return 0;
	case '?':
		*status = command_misused(command, NULL);
		return 0;
	}
	return option;
}

void complain(const char *format, ...)
{
	va_list args;

	fputs("vmbusctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int command_end(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	complain("standard output: %s", strerror(errno));
	return status ? status : EXIT_FAILED;
}
