// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmbus_bufring.h>

#include "bind.h"
#include "config.h"
#include "log.h"

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

static const char usage[] =
	"usage: vmbus-bind [-n] [-f] INSTANCE          bind one device as configured\n"
	"       vmbus-bind [-n] [-f] --all             bind every device that is configured\n"
	"       vmbus-bind [-n] --release [CLASS|GUID] give the configured devices back\n"
	"       vmbus-bind --check                     only read the configuration\n"
	"  -n, --dry-run   say what would be done\n"
	"  -f, --force     also take a device that the machine needs (default route, mounted disk)\n"
	"      --udev      for udev rules: messages go to the system log, and a device that has left\n"
	"                  meanwhile is no error\n"
	"      --version, --help\n"
	"Exit status: 0 done, or nothing to do; 1 a device is not where it belongs; 2 wrong arguments\n"
	"or configuration. See vmbus-bind(8), hyperv-uio.conf(5).\n";

enum mode { BIND_ONE, BIND_ALL, RELEASE, CHECK };

static int one(const struct config *config, struct vmbus_device *dev, enum mode mode, bool dry,
	       bool force, bool event)
{
	struct wish wish;
	int ret;

	if (!config_wish(config, dev, &wish, mode == RELEASE))
		return 0;
	wish.force |= force;
	ret = mode == RELEASE ? device_release(dev, &wish, dry) : device_bind(dev, &wish, event, dry);
	/* The host may take a device back at any time, and its remove event is on the way. */
	return ret == -ENODEV ? 0 : ret;
}

/* The device with this instance GUID; the GUID of a class finds none. */
static int find(const char *id, struct vmbus_device **dev)
{
	int ret = vmbus_device_find(id, dev);

	if (!ret && strcmp(vmbus_device_instance(*dev), id)) {
		vmbus_device_free(*dev);
		return -ENODEV;
	}
	return ret == -ENOTUNIQ ? -ENODEV : ret;
}

static int run_one(const struct config *config, const char *id, bool dry, bool force, bool event)
{
	struct vmbus_device *dev;
	int ret = find(id, &dev);

	if (ret == -ENODEV && event)
		return 0;
	if (ret == -ENODEV)
		say(LOG_ERR, "%s: no such VMBus device", id);
	else if (ret)
		say(LOG_ERR, "%s", vmbus_error());
	if (ret)
		return ret;
	ret = one(config, dev, BIND_ONE, dry, force, event);
	vmbus_device_free(dev);
	return ret;
}

/* id: only the devices of this class or instance; NULL: all */
static int run_all(const struct config *config, enum mode mode, const char *id, bool dry, bool force,
		   bool event)
{
	struct vmbus_device **list;
	int err, ret;

	ret = vmbus_devices_list(NULL, &list);
	if (ret == -ENODEV)
		return 0;
	if (ret < 0)
		say(LOG_ERR, "%s%s", list ? "a device is passed over: " : "", vmbus_error());
	else
		ret = 0;
	for (struct vmbus_device **dev = list; dev && *dev; dev++) {
		if (id && strcmp(id, vmbus_device_class(*dev)) && strcmp(id, vmbus_device_instance(*dev)))
			continue;
		err = one(config, *dev, mode, dry, force, event);
		if (!ret)
			ret = err;
	}
	vmbus_devices_free(list);
	return ret;
}

int main(int argc, char **argv)
{
	enum { OPT_ALL = 256, OPT_RELEASE, OPT_CHECK, OPT_UDEV, OPT_VERSION, OPT_HELP };
	static const struct option options[] = {
		{ "all",     no_argument,       NULL, OPT_ALL },
		{ "release", no_argument,       NULL, OPT_RELEASE },
		{ "check",   no_argument,       NULL, OPT_CHECK },
		{ "dry-run", no_argument,       NULL, 'n' },
		{ "force",   no_argument,       NULL, 'f' },
		{ "udev",    no_argument,       NULL, OPT_UDEV },
		{ "version", no_argument,       NULL, OPT_VERSION },
		{ "help",    no_argument,       NULL, OPT_HELP },
		{ 0 }
	};
	enum mode mode = BIND_ONE;
	bool dry = false, force = false, event = false;
	const struct vmbus_class *class;
	const char *id = NULL;
	char guid[VMBUS_GUID_SIZE];
	struct config config;
	int opt, modes = 0, faulty, ret = 0;

	while ((opt = getopt_long(argc, argv, "nf", options, NULL)) >= 0) {
		switch (opt) {
		case OPT_ALL:
		case OPT_RELEASE:
		case OPT_CHECK:
			mode = opt == OPT_ALL ? BIND_ALL : opt == OPT_RELEASE ? RELEASE : CHECK;
			modes++;
			break;
		case 'n':
			dry = true;
			break;
		case 'f':
			force = true;
			break;
		case OPT_UDEV:
			event = log_to_syslog = true;
			openlog("vmbus-bind", LOG_PID, LOG_DAEMON);
			break;
		case OPT_VERSION:
			puts("vmbus-bind " HYPERV_UIO_VERSION);
			return EXIT_OK;
		case OPT_HELP:
			fputs(usage, stdout);
			return EXIT_OK;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc)
		id = argv[optind++];
	if (modes > 1 || optind < argc || (mode == BIND_ONE) != (id && mode != RELEASE) ||
	    (force && (mode == RELEASE || mode == CHECK)) || (dry && mode == CHECK)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (id) {
		class = mode == RELEASE ? vmbus_class_find(id) : NULL;
		if (!class && vmbus_guid_parse(id, guid)) {
			say(LOG_ERR, "%s: not a GUID%s", id, mode == RELEASE ? " or class" : "");
			return EXIT_USAGE;
		}
		id = class ? class->guid : guid;
	}

	faulty = config_load(&config);
	if (faulty && (mode == BIND_ONE || mode == BIND_ALL))
		say(LOG_ERR, "nothing is bound until the configuration is right");
	else if (mode == BIND_ONE)
		ret = run_one(&config, id, dry, force, event);
	else if (mode != CHECK) /* giving back is the safe direction: by what could be read */
		ret = run_all(&config, mode, id, dry, force, event);
	config_free(&config);
	return faulty ? EXIT_USAGE : ret ? EXIT_FAILED : EXIT_OK;
}
