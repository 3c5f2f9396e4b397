/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_OPTIONS_H
#define FCOPY_OPTIONS_H

#include <stdbool.h>

#include "destination.h"

/** What the command line asks for */
struct options {
	const char *device; /* a class or an instance */
	const char *state_dir;
	const char *config;	/* never NULL */
	bool config_must_exist; /* --config named it */
	bool check_config;
	bool check_path;
	struct destination_request check; /* with @check_path */
	bool verbose;
};

/**
 * options_parse() - read the command line
 *
 * The service manager may name the state directory in the environment. The
 * function ends the program after --help and --version. It reports a fault and
 * ends the program with EX_USAGE.
 */
void options_parse(int argc, char **argv, struct options *options);

#endif
