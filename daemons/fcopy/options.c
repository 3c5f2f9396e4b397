// SPDX-License-Identifier: GPL-2.0-only
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "../../util/vmbus.h"

#include "name.h"
#include "options.h"

#define STATE_DIR "/var/lib/hv-fcopyd"

static void usage(FILE *to)
{
	fprintf(to,
		"usage: hv-fcopyd [OPTIONS]\n"
		"       hv-fcopyd --check-config | --check-path=PATH\n"
		"Receives the files that Copy-VMFile on a Hyper-V host sends to this guest.\n"
		"\n"
		"  -c, --class=CLASS      use the device of this class: a name or a GUID (fcopy)\n"
		"  -d, --device=GUID      use this device, where a class has several\n"
		"  -s, --state-dir=DIR    note unfinished copies there (%s)\n"
		"      --config=FILE      read what the host may do from FILE (%s)\n"
		"  -v, --verbose          log every message of the host\n"
		"\n"
		"      --check-config     check the configuration, and print what is in force\n"
		"      --check-path=PATH  explain what a copy to PATH would do; change nothing\n"
		"        --name=NAME      the name of the source file (SOURCE-NAME)\n"
		"        --force          the copy comes with -Force\n"
		"        --create         the copy comes with -CreateFullPath\n"
		"  -V, --version          print the version\n"
		"  -h, --help             print this\n",
		STATE_DIR, CONFIG_FILE);
}

__attribute__((format(printf, 1, 2), noreturn)) static void reject(const char *format, ...)
{
	va_list args;

	fputs("hv-fcopyd: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EX_USAGE);
}

static void choose_device(struct options *options, const char *class, const char *instance)
{
	char guid[GUID_SIZE];

	if (class && instance)
		reject("--class and --device are mutually exclusive");
	if (class && !class_find(class) && guid_parse(class, guid) < 0)
		reject("--class=%s: neither a GUID nor a known name", class);
	if (instance && guid_parse(instance, guid) < 0)
		reject("--device=%s: not a GUID", instance);
	options->device = instance ? instance : class ? class : "fcopy";
}

static void check_filled(const char *option, const char *value)
{
	if (value && !*value)
		reject("--%s= needs a value", option);
}

static void check_modes(const struct options *options)
{
	check_filled("config", options->config);
	check_filled("state-dir", options->state_dir);
	if (options->check_config && options->check_path)
		reject("--check-config and --check-path are mutually exclusive");
	if (!options->check_path &&
	    (options->check.name || options->check.force || options->check.create))
		reject("--name, --force and --create need --check-path");
}

static void set_defaults(struct options *options)
{
	const char *state_dir = getenv("STATE_DIRECTORY");

	*options = (struct options){
		.state_dir = state_dir ? state_dir : STATE_DIR,
		.config = CONFIG_FILE,
	};
}

void options_parse(int argc, char **argv, struct options *options)
{
	enum { CONFIG = 0x100, CHECK_CONFIG, CHECK_PATH, NAME, FORCE, CREATE };
	static const struct option longs[] = { { "config", required_argument, NULL, CONFIG },
					       { "check-config", no_argument, NULL, CHECK_CONFIG },
					       { "check-path", required_argument, NULL,
						 CHECK_PATH },
					       { "name", required_argument, NULL, NAME },
					       { "force", no_argument, NULL, FORCE },
					       { "create", no_argument, NULL, CREATE },
					       { "class", required_argument, NULL, 'c' },
					       { "device", required_argument, NULL, 'd' },
					       { "state-dir", required_argument, NULL, 's' },
					       { "verbose", no_argument, NULL, 'v' },
					       { "version", no_argument, NULL, 'V' },
					       { "help", no_argument, NULL, 'h' },
					       {} };
	const char *class = NULL, *instance = NULL;
	int c;

	set_defaults(options);
	while ((c = getopt_long(argc, argv, "c:d:s:vVh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			class = optarg;
			break;
		case 'd':
			instance = optarg;
			break;
		case 's':
			options->state_dir = optarg;
			break;
		case CONFIG:
			options->config = optarg;
			options->config_must_exist = true;
			break;
		case CHECK_CONFIG:
			options->check_config = true;
			break;
		case CHECK_PATH:
			options->check_path = true;
			options->check.path = optarg;
			break;
		case NAME:
			options->check.name = optarg;
			break;
		case FORCE:
			options->check.force = true;
			break;
		case CREATE:
			options->check.create = true;
			break;
		case 'v':
			options->verbose = true;
			break;
		case 'V':
			printf("hv-fcopyd %s, libvmbus_bufring %s\n", HYPERV_UIO_VERSION,
			       vmbus_version());
			exit(0);
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(EX_USAGE);
		}
	}
	if (optind < argc)
		reject("%s: no such argument", argv[optind]);
	choose_device(options, class, instance);
	check_modes(options);
	if (!options->check.name)
		options->check.name = "SOURCE-NAME";
	options->check.name_fault = name_check_file(options->check.name);
}
