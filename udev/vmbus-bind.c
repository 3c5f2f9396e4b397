// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "vmbus.h"

#include "engine.h"
#include "lint.h"
#include "log.h"
#include "settings.h"

#ifndef QUIET_MS
#define QUIET_MS 1000
#endif
#define MAX_WAITS 10

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

static const char usage[] =
	"usage: vmbus-bind [-n] [-f] INSTANCE          bind one device as configured\n"
	"       vmbus-bind [-n] [-f] --all             bind every device that is configured\n"
	"       vmbus-bind [-n] --release [CLASS|GUID] release the configured devices\n"
	"       vmbus-bind --settings INSTANCE[/RELID] apply ring size, owner, group and mode\n"
	"       vmbus-bind --properties INSTANCE       print properties for udev's IMPORT\n"
	"       vmbus-bind --check                     only read and check the configuration\n"
	"  -n, --dry-run   print what would happen\n"
	"  -f, --force     also bind a NIC whose interface is up, or a disk controller\n"
	"      --udev      for udev rules: messages go to the system log, and it is no error if\n"
	"                  there is no such device\n"
	"      --settle    with --all: wait until the rules have not changed for a second, and start over\n"
	"                  if they change in the meantime\n"
	"      --new-interface  with --udev INSTANCE: an interface of the device has appeared\n"
	"      --version   print the version\n"
	"      --help      print this\n"
	"Exit status: 0 done, or nothing to do; 1 a device is not as configured; 2 wrong arguments\n"
	"or a faulty file. See vmbus-bind(8), hyperv-uio.conf(5).\n";

enum mode { BIND_ONE, BIND_ALL, RELEASE, SETTINGS, PROPERTIES, CHECK };

struct run {
	struct engine engine;
	enum mode mode;
	const char *id; /* a GUID, or NULL */
	uint32_t relid;
	bool settle;
	struct request request;
};

/* Find the device with this instance GUID. A class GUID finds no device. */
static int find(const char *id, struct vmbus_device **dev)
{
	int ret = vmbus_device_find(id, dev);

	if (!ret && strcmp((*dev)->instance, id)) {
		vmbus_device_free(*dev);
		return -ENODEV;
	}
	return ret == -ENOTUNIQ ? -ENODEV : ret;
}

/* Apply the settings of the rule of a device. Return 0 or -errno. */
static int set(const struct run *run, struct device *device)
{
	struct rule rule;
	int ret;

	config_rule(&run->engine.config, device, false, &rule);
	if (rule.scope == SCOPE_NONE || !rule.enable || rule.faulty_at.file)
		return 0;
	ret = settings_apply(device, &rule, run->relid);
	return ret == -ENODEV ? 0 : ret;
}

static void print_plan(const struct device *device, const struct plan *plan)
{
	printf("%s: ", device_text(device));
	switch (plan->outcome) {
	case PLAN_WAITS:
	case PLAN_NO_RULE:
	case PLAN_DISABLED:
	case PLAN_FAULTY:
		printf("left alone");
		break;
	case PLAN_REFUSED:
		printf("would not be bound to %s", plan->rule.driver);
		break;
	case PLAN_BOUND:
		printf("stays bound to %s", plan->rule.driver);
		break;
	case PLAN_BIND:
		printf("would be bound to %s", plan->rule.driver);
		if (*device_driver(device))
			printf(", taken over from %s", device_driver(device));
		break;
	}
	printf(": %s", plan->reason);
	if (plan->at.file)
		printf(" (%s:%u)", plan->at.file, plan->at.line);
	putchar('\n');
}

/* Print what would happen to a device. Return -EBUSY if it would be refused. */
static int preview(const struct run *run, struct device *device)
{
	struct plan plan;

	plan_make(&run->engine.config, device, &run->request, &plan);
	if (run->id || plan.outcome != PLAN_NO_RULE)
		print_plan(device, &plan);
	return plan.outcome == PLAN_REFUSED || plan.outcome == PLAN_FAULTY ? -EBUSY : 0;
}

/* Carry the mode out for a device. Return 0 or -errno. */
static int one(struct run *run, struct device *device)
{
	enum engine_result result;
	struct rule rule;

	switch (run->mode) {
	case SETTINGS:
		return set(run, device);
	case PROPERTIES:
		config_rule(&run->engine.config, device, false, &rule);
		settings_print(device, &rule);
		return 0;
	case RELEASE:
		run->request.is_named = run->id && !strcmp(run->id, device->instance);
		result = engine_release(&run->engine, device, &run->request);
		break;
	default:
		if (run->request.dry)
			return preview(run, device);
		result = engine_bind(&run->engine, device, &run->request);
	}
	/*
	 * The host may rescind a device at any time; its remove event follows.
	 */
	return result == ENGINE_DONE || result == ENGINE_GONE ? 0 : -EBUSY;
}

static int run_one(struct run *run)
{
	struct vmbus_device *handle;
	struct device device;
	int ret = find(run->id, &handle);

	if (ret == -ENODEV && run->request.event && !run->request.dry)
		return 0;
	if (ret) {
		msg(LOG_ERR, "%s%s", ret == -ENODEV ? run->id : "",
		    ret == -ENODEV ? ": no such VMBus device" : vmbus_error());
		return ret;
	}
	device_read(&device, handle);
	ret = one(run, &device);
	device_clear(&device);
	vmbus_device_free(handle);
	return ret;
}

/*
 * Read the devices. Return 0, -ENODEV without VMBus, or another -errno after a
 * message. The machine may then have some of its devices.
 */
static int read_machine(struct machine *machine)
{
	int ret = machine_read(machine);

	if (!machine->fault)
		return ret;
	msg(LOG_ERR, "%s: %s", ret ? "the devices cannot be read" : "a device is skipped",
	    machine->fault);
	return ret ? ret : -EIO;
}

static int run_all(struct run *run)
{
	struct machine *machine = &run->engine.machine;
	int err, ret = read_machine(machine);

	if (ret == -ENODEV) {
		if (run->request.dry)
			puts("this machine has no VMBus, so there is no device to bind");
		return 0;
	}
	for (size_t i = 0; i < machine->count; i++) {
		struct device *device = &machine->devices[i];

		if (run->id && strcmp(run->id, device->class_id) &&
		    strcmp(run->id, device->instance))
			continue;
		err = one(run, device);
		if (!ret)
			ret = err;
	}
	return ret;
}

/* Check the configuration. Return 0, or -errno if a device cannot be read. */
static int check(struct run *run)
{
	struct machine *machine = &run->engine.machine;
	int ret = read_machine(machine);

	if (ret == -ENODEV)
		puts("this machine has no VMBus, so the sections are not compared with devices");
	lint(&run->engine.config, machine->handles ? machine : NULL);
	return ret == -ENODEV ? 0 : ret;
}

/* Parse INSTANCE, or CLASS or INSTANCE/RELID if the mode accepts them. */
static bool parse_id(struct run *run, char *text, char guid[GUID_SIZE])
{
	struct device_name name;
	char *slash = run->mode == SETTINGS ? strchr(text, '/') : NULL;

	if (slash) {
		*slash = '\0';
		if (!text_parse_number(slash + 1, &run->relid) || !run->relid) {
			*slash = '/';
			return false;
		}
	}
	if (run->mode == RELEASE && !config_parse_name(text, &name) && name.kind == NAME_GUID)
		memcpy(guid, name.text, GUID_SIZE);
	else if (guid_parse(text, guid))
		return false;
	run->id = guid;
	return true;
}

static int misused(void)
{
	fputs("Try 'vmbus-bind --help' for more information.\n", stderr);
	return EXIT_USAGE;
}

/* Report what is wrong with the arguments. Return whether they are right. */
static bool arguments_are_right(const struct run *run, int modes, int count, char **ids)
{
	const bool binds = run->mode == BIND_ONE || run->mode == BIND_ALL;
	const bool needs_id =
		run->mode == BIND_ONE || run->mode == SETTINGS || run->mode == PROPERTIES;
	const int most = needs_id || run->mode == RELEASE;

	if (modes > 1)
		msg(LOG_ERR,
		    "only one of --all, --release, --settings, --properties and --check can be given");
	else if (run->request.force && !binds)
		msg(LOG_ERR, "--force is for a device to bind, or for --all");
	else if (run->request.dry && !binds && run->mode != RELEASE)
		msg(LOG_ERR, "--dry-run is for a device to bind, for --all or for --release");
	else if (run->settle && (run->mode != BIND_ALL || run->request.dry))
		msg(LOG_ERR, "--settle is for --all without --dry-run");
	else if (run->request.new_interface && (!run->request.event || run->mode != BIND_ONE))
		msg(LOG_ERR, "--new-interface is for --udev and one device");
	else if (count > most)
		msg(LOG_ERR, "unexpected argument '%s'", ids[most]);
	else if (count < needs_id)
		msg(LOG_ERR, "the INSTANCE of a device is missing");
	else
		return true;
	return false;
}

/* Read the configuration and carry out the mode. Return the exit status. */
static int carry_out(struct run *run)
{
	struct config *config = &run->engine.config;
	int ret = 0;
	bool faulty;

	config_load(config);
	faulty = config->faults;
	if (run->mode == CHECK)
		ret = check(run);
	/*
	 * Do not report findings for --properties, because udev parses the
	 * output, and the event of the device has reported them.
	 */
	if (run->mode != PROPERTIES)
		engine_print_findings(config, NULL, run->mode == CHECK);
	if (run->mode == RELEASE || run->mode == BIND_ALL)
		ret = run_all(run);
	else if (run->mode != CHECK)
		ret = run_one(run);
	engine_free(&run->engine);
	if (fflush(stdout)) {
		msg(LOG_ERR, "standard output: %s", strerror(errno));
		ret = -EIO;
	}
	if (run->mode == PROPERTIES)
		return ret ? EXIT_FAILED : EXIT_OK;
	return faulty ? EXIT_USAGE : ret ? EXIT_FAILED : EXIT_OK;
}

/*
 * Watch the administrator's directory of rules. Return a file descriptor or
 * -errno.
 */
static int watch_rules(void)
{
	char *path = file_path(ADMIN_CONFIG);
	int err = 0, fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd < 0 || inotify_add_watch(fd, path,
					IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY |
						IN_CLOSE_WRITE | IN_ATTRIB | IN_ONLYDIR) < 0)
		err = -errno;
	free(path);
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

/*
 * Wait up to @ms milliseconds for changes, and read them all. Return whether
 * there was one.
 */
static bool drain(int fd, int ms)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };
	char events[4096];
	bool any = false;

	while (poll(&one, 1, any ? 0 : ms) > 0 && read(fd, events, sizeof(events)) > 0)
		any = true;
	return any;
}

/*
 * Wait until the rules have not changed for a second, but at most 20 seconds,
 * because an editor writes a file in parts, and may save several files. Carry
 * the rules out, and start over after a change.
 */
static int carry_out_settled(struct run *run)
{
	int status, fd = watch_rules();

	if (fd < 0) {
		msg(LOG_ERR, "changes of %s%s cannot be watched: %s", sysroot(), ADMIN_CONFIG,
		    strerror(-fd));
		return EXIT_FAILED;
	}
	do {
		for (int i = 0; i < MAX_WAITS && drain(fd, QUIET_MS); i++)
			clock_sleep(QUIET_MS);
		status = carry_out(run);
	} while (drain(fd, 0));
	close(fd);
	return status;
}

/*
 * Read the options into @run, and count those that select a mode in *@modes.
 * Return -1 to continue, or the exit status if the program has nothing more to
 * do.
 */
static int parse_options(int argc, char **argv, struct run *run, int *modes)
{
	/* OPT_MODE comes last: the option of a mode is the sum of both. */
	enum { OPT_UDEV = 256, OPT_NEW_INTERFACE, OPT_SETTLE, OPT_VERSION, OPT_HELP, OPT_MODE };
	static const struct option options[] = {
		{ "all", no_argument, NULL, OPT_MODE + BIND_ALL },
		{ "release", no_argument, NULL, OPT_MODE + RELEASE },
		{ "settings", no_argument, NULL, OPT_MODE + SETTINGS },
		{ "properties", no_argument, NULL, OPT_MODE + PROPERTIES },
		{ "check", no_argument, NULL, OPT_MODE + CHECK },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "force", no_argument, NULL, 'f' },
		{ "udev", no_argument, NULL, OPT_UDEV },
		{ "new-interface", no_argument, NULL, OPT_NEW_INTERFACE },
		{ "settle", no_argument, NULL, OPT_SETTLE },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ "help", no_argument, NULL, OPT_HELP },
		{ 0 }
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "nf", options, NULL)) >= 0) {
		switch (opt) {
		case 'n':
			run->request.dry = true;
			break;
		case 'f':
			run->request.force = true;
			break;
		case OPT_UDEV:
			run->request.event = log_to_syslog = true;
			openlog("vmbus-bind", LOG_PID, LOG_DAEMON);
			break;
		case OPT_NEW_INTERFACE:
			run->request.new_interface = true;
			break;
		case OPT_SETTLE:
			run->settle = true;
			break;
		case OPT_VERSION:
			puts("vmbus-bind " HYPERV_UIO_VERSION);
			return EXIT_OK;
		case OPT_HELP:
			fputs(usage, stdout);
			return EXIT_OK;
		default:
			if (opt < OPT_MODE)
				return misused();
			run->mode = opt - OPT_MODE;
			(*modes)++;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct run run = { .mode = BIND_ONE };
	char guid[GUID_SIZE];
	int modes = 0;
	int status = parse_options(argc, argv, &run, &modes);

	if (status >= 0)
		return status;
	if (!arguments_are_right(&run, modes, argc - optind, argv + optind))
		return misused();
	if (optind < argc && !parse_id(&run, argv[optind], guid)) {
		msg(LOG_ERR, "%s: not a GUID%s (vmbusctl bind and unbind also accept interfaces)",
		    argv[optind],
		    run.mode == RELEASE	 ? " or class" :
		    run.mode == SETTINGS ? ", nor a GUID/RELID with the number of a channel" :
					   "");
		return EXIT_USAGE;
	}
	run.request.is_named = run.mode == BIND_ONE && !run.request.event;

	return run.settle ? carry_out_settled(&run) : carry_out(&run);
}
