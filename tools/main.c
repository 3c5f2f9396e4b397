// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl: show and control the VMBus devices of a guest. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "memory.h"

static const char epilogue[] =
	"\n"
	"ID is an instance GUID or the beginning of one, a class, a network interface, a MAC\n"
	"address, uioN, or a link in /dev/vmbus. 'vmbusctl COMMAND --help' explains a command.\n"
	"\n"
	"Exit status: 0 done; 1 something failed; 2 wrong arguments or configuration; 3 this\n"
	"machine has no VMBus; 4 no such device; 5 several devices have that name; 6 refused\n"
	"because the device may be in use; 7 doctor found a problem or a warning. See\n"
	"vmbusctl(8).\n";

/* Answer an option without a command. Return the exit status. */
static int without_command(const char *option)
{
	if (!strcmp(option, "--version") || !strcmp(option, "-V")) {
		puts("vmbusctl " HYPERV_UIO_VERSION);
		return command_end(EXIT_OK);
	}
	if (strcmp(option, "--help") && strcmp(option, "-h")) {
		msg(LOG_ERR, "a command is missing; 'vmbusctl --help' lists them");
		return EXIT_USAGE;
	}
	puts("usage: vmbusctl COMMAND [OPTION]... [ARGUMENT]...\n"
	     "       vmbusctl --help | --version\n");
	for (const struct command *const *command = commands; *command; command++)
		printf("  %-15s %s\n", (*command)->name, (*command)->summary);
	fputs(epilogue, stdout);
	return command_end(EXIT_OK);
}

/*
 * Find the command. Every option may precede it, because driverctl accepts
 * options there. The word after --bus is the value of the option.
 */
static int find_command(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-b") || !strcmp(argv[i], "--bus"))
			i++;
		else if (argv[i][0] != '-')
			return i;
	}
	return argc;
}

int main(int argc, char **argv)
{
	int at = find_command(argc, argv);
	const struct command *command;
	char *name;
	int status;

	log_name = "vmbusctl";
	if (at >= argc)
		return without_command(argc > 1 ? argv[1] : "");
	if (!strcmp(argv[at], "help"))
		return without_command("--help");
	command = command_find(argv[at]);
	if (!command) {
		msg(LOG_ERR, "there is no command '%s'; 'vmbusctl --help' lists them", argv[at]);
		return EXIT_USAGE;
	}
	/*
	 * Move the options that precede the command behind it. getopt prints
	 * argv[0].
	 */
	memmove(argv + 2, argv + 1, (at - 1) * sizeof(*argv));
	name = need_printf("vmbusctl %s", command->name);
	argv[1] = name;
	status = command_run(command, argc - 1, argv + 1);
	free(name);
	return status;
}
