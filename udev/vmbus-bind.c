// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vmbus_bufring.h>

#include "bind.h"
#include "config.h"
#include "lint.h"
#include "log.h"
#include "plan.h"
#include "settings.h"
#include "settle.h"

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
	struct config config;
	enum mode mode;
	const char *id;		/* a GUID, or NULL */
	uint32_t relid;
	bool dry;
	bool event;
	bool settle;
	struct bind_options options;
};

/* Find the device with this instance GUID. A class GUID finds no device. */
static int find(const char *id, struct vmbus_device **dev)
{
	int ret = vmbus_device_find(id, dev);

	if (!ret && strcmp(vmbus_device_instance(*dev), id)) {
		vmbus_device_free(*dev);
		return -ENODEV;
	}
	return ret == -ENOTUNIQ ? -ENODEV : ret;
}

/* Read the device, and compute its rule. Return 0 or -errno. */
static int find_rule(const struct run *run, const struct vmbus_device *dev, struct rule *rule)
{
	struct identity identity;
	struct device device;
	int ret = facts_read_one(dev, &device);

	if (ret)
		return ret;
	identity = plan_identify(&device);
	config_rule(&run->config, &identity, rule);
	facts_free_one(&device);
	return 0;
}

static int set(const struct run *run, struct vmbus_device *dev)
{
	struct rule rule;
	int ret = find_rule(run, dev, &rule);

	if (ret || rule.scope == SCOPE_NONE || !rule.enable || rule.faulty_at.file)
		return ret;
	return settings_apply(dev, &rule, run->relid);
}

/*
 * Decide about the device without its lock, because most devices of a machine
 * have no rule. device_bind() decides again.
 */
static int bind_or_leave(const struct run *run, struct vmbus_device *dev)
{
	struct device device;
	struct plan plan;
	int ret = facts_read_one(dev, &device);

	if (ret)
		return ret;
	plan_make(&run->config, &device, run->options.plan, &plan);
	facts_free_one(&device);
	if (plan.outcome == PLAN_NO_RULE || plan.outcome == PLAN_DISABLED)
		return 0;
	return device_bind(NULL, dev, &run->options);
}

/*
 * Return whether a rule wants the device or may want it. A rule may want it if
 * it is in a faulty file, or if it names a MAC or an interface while those of
 * the device are not known.
 */
static bool is_wanted(const struct run *run, const struct vmbus_device *dev)
{
	struct identity identity;
	struct device device;
	struct rule rule;

	if (facts_read_one(dev, &device))
		return true;
	identity = plan_identify(&device);
	config_rule(&run->config, &identity, &rule);
	facts_free_one(&device);
	return (rule.scope != SCOPE_NONE && rule.enable) || rule.faulty_at.file ||
	       (device_is_nic(dev) && config_is_unsure(&run->config, &identity));
}

static int one(const struct run *run, struct vmbus_device *dev)
{
	const bool is_named = run->id && !strcmp(run->id, vmbus_device_instance(dev));
	int ret = 0;

	if (run->mode == RELEASE)
		ret = device_release(&run->config, dev,
				     &(struct release_options){
					     .is_named = is_named, .dry = run->dry,
					     .hold = is_named && is_wanted(run, dev) });
	else if (run->mode == SETTINGS)
		ret = set(run, dev);
	else
		ret = bind_or_leave(run, dev);
	/*
	 * The host may rescind a device at any time; its remove event follows.
	 */
	return ret == -ENODEV ? 0 : ret;
}

static int run_one(const struct run *run)
{
	struct vmbus_device *dev;
	struct rule rule;
	int ret = find(run->id, &dev);

	if (ret == -ENODEV && run->event)
		return 0;
	if (ret == -ENODEV)
		msg(LOG_ERR, "%s: no such VMBus device", run->id);
	else if (ret)
		msg(LOG_ERR, "%s", vmbus_error());
	if (ret)
		return ret;
	if (run->mode == PROPERTIES) {
		ret = find_rule(run, dev, &rule);
		if (!ret)
			settings_print(dev, &rule);
	} else {
		ret = one(run, dev);
	}
	vmbus_device_free(dev);
	return ret;
}

static int run_all(const struct run *run)
{
	struct vmbus_device **list;
	int err, ret;

	ret = vmbus_devices_list(NULL, &list);
	if (ret == -ENODEV)
		return 0;
	if (ret < 0)
		msg(LOG_ERR, "%s%s", list ? "a device is skipped: " : "", vmbus_error());
	else
		ret = 0;
	for (struct vmbus_device **dev = list; dev && *dev; dev++) {
		if (run->id && strcmp(run->id, vmbus_device_class(*dev)) &&
		    strcmp(run->id, vmbus_device_instance(*dev)))
			continue;
		err = one(run, *dev);
		if (!ret)
			ret = err;
	}
	vmbus_devices_free(list);
	return ret;
}

static void print_plan(const struct device *device, const struct plan *plan)
{
	printf("%s: ", device_text(device->instance, device->class_name, device->class_id));
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
		if (device->driver[0] && strcmp(device->driver, plan->rule.driver))
			printf(", taken over from %s", device->driver);
		break;
	}
	printf(": %s", plan->reason);
	if (plan->at.file)
		printf(" (%s:%u)", plan->at.file, plan->at.line);
	putchar('\n');
}

static bool is_error(enum plan_outcome outcome)
{
	return outcome == PLAN_REFUSED || outcome == PLAN_FAULTY;
}

static int preview(struct run *run)
{
	struct facts facts;
	struct plan plan;
	bool found = false;
	int ret, err = 0;

	ret = facts_read(&facts);
	if (ret == -ENODEV && run->mode == BIND_ALL) {
		puts("this machine has no VMBus, so there is no device to bind");
		return 0;
	}
	if (ret) {
		msg(LOG_ERR, "the devices cannot be read: %s", strerror(-ret));
		facts_free(&facts);
		return ret;
	}
	if (facts.device_error)
		msg(LOG_ERR, "a device is skipped: %s", strerror(-facts.device_error));
	for (size_t i = 0; i < facts.device_count; i++) {
		struct device *device = &facts.devices[i];
		bool is_named = run->id && !strcmp(run->id, device->instance);

		if (run->id && !is_named)
			continue;
		found = true;
		plan_make(&run->config, device, run->options.plan, &plan);
		if (!is_named && plan.outcome == PLAN_NO_RULE)
			continue;
		print_plan(device, &plan);
		if (is_error(plan.outcome))
			err = -EBUSY;
	}
	if (run->id && !found) {
		msg(LOG_ERR, "%s: no such VMBus device", run->id);
		err = -ENODEV;
	}
	if (facts.device_error && !err)
		err = facts.device_error;
	facts_free(&facts);
	return err;
}

static void check(struct run *run)
{
	struct facts facts;
	int ret = facts_read(&facts);

	if (ret == -ENODEV)
		puts("this machine has no VMBus, so the sections are not compared with devices");
	if (lint(&run->config, ret ? NULL : &facts))
		msg(LOG_ERR, "warnings are missing: %s", strerror(ENOMEM));
	facts_free(&facts);
}

static void report_findings(const struct config *config, bool with_hints)
{
	for (size_t i = 0; i < config->finding_count; i++) {
		const struct finding *f = &config->findings[i];
		const char *kind = f->is_fault ? "" : "warning: ";

		if (!f->is_fault && !with_hints)
			continue;
		if (f->at.line)
			msg(f->is_fault ? LOG_ERR : LOG_WARNING, "%s:%u: %s%s", f->at.file,
			    f->at.line, kind, f->text);
		else
			msg(f->is_fault ? LOG_ERR : LOG_WARNING, "%s: %s%s", f->at.file, kind,
			    f->text);
	}
}

/* Parse INSTANCE, or CLASS or INSTANCE/RELID if the mode accepts them. */
static bool parse_id(struct run *run, char *text, char guid[VMBUS_GUID_SIZE])
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
		memcpy(guid, name.text, VMBUS_GUID_SIZE);
	else if (vmbus_guid_parse(text, guid))
		return false;
	run->id = guid;
	return true;
}

/* Return why the options cannot be combined, or NULL. */
static const char *contradiction(const struct run *run, int modes)
{
	const bool binds = run->mode == BIND_ONE || run->mode == BIND_ALL;

	if (modes > 1)
		return "only one of --all, --release, --settings, --properties and --check can be given";
	if (run->options.plan.force && !binds)
		return "--force is for a device to bind, or for --all";
	if (run->dry && !binds && run->mode != RELEASE)
		return "--dry-run is for a device to bind, for --all or for --release";
	if (run->settle && (run->mode != BIND_ALL || run->dry))
		return "--settle is for --all without --dry-run";
	if (run->options.new_interface && (!run->event || run->mode != BIND_ONE))
		return "--new-interface is for --udev and one device";
	return NULL;
}

static int misused(void)
{
	fputs("Try 'vmbus-bind --help' for more information.\n", stderr);
	return EXIT_USAGE;
}

/* Report what is wrong with the arguments. Return whether they are right. */
static bool arguments_are_right(const struct run *run, int modes, int count, char **ids)
{
	const bool needs_id =
		run->mode == BIND_ONE || run->mode == SETTINGS || run->mode == PROPERTIES;
	const int most = needs_id || run->mode == RELEASE;
	const char *why = contradiction(run, modes);

	if (why)
		msg(LOG_ERR, "%s", why);
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
	int faulty = config_load(&run->config), ret = 0;

	if (run->mode == CHECK)
		check(run);
	/*
	 * udev parses the output for IMPORT, and the event of the device has
	 * reported the same findings.
	 */
	if (run->mode != PROPERTIES)
		report_findings(&run->config, run->mode == CHECK);
	if (faulty && faulty != -EINVAL) {
		msg(LOG_ERR, "the configuration cannot be read: %s", strerror(-faulty));
		ret = faulty;
	} else if (run->dry && run->mode != RELEASE) {
		ret = preview(run);
	} else if (run->mode == RELEASE || run->mode == BIND_ALL) {
		ret = run_all(run);
	} else if (run->mode != CHECK) {
		ret = run_one(run);
	}
	config_free(&run->config);
	if (fflush(stdout)) {
		msg(LOG_ERR, "standard output: %s", strerror(errno));
		ret = -EIO;
	}
	if (run->mode == PROPERTIES)
		return ret ? EXIT_FAILED : EXIT_OK;
	return faulty ? EXIT_USAGE : ret ? EXIT_FAILED : EXIT_OK;
}

/*
 * Wait until the rules stop changing, carry them out, and start over after a
 * change.
 */
static int carry_out_settled(struct run *run)
{
	int status, fd = settle_open();

	if (fd < 0) {
		msg(LOG_ERR, "changes of %s%s cannot be watched: %s", vmbus_sysroot(), ADMIN_CONFIG,
		    strerror(-fd));
		return EXIT_FAILED;
	}
	do {
		settle_wait(fd);
		status = carry_out(run);
	} while (settle_changed(fd));
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
	enum {
		OPT_ALL = 256,
		OPT_RELEASE,
		OPT_SETTINGS,
		OPT_PROPERTIES,
		OPT_CHECK,
		OPT_UDEV,
		OPT_NEW_INTERFACE,
		OPT_SETTLE,
		OPT_VERSION,
		OPT_HELP
	};
	static const struct option options[] = {
		{ "all",           no_argument, NULL, OPT_ALL },
		{ "release",       no_argument, NULL, OPT_RELEASE },
		{ "settings",      no_argument, NULL, OPT_SETTINGS },
		{ "properties",    no_argument, NULL, OPT_PROPERTIES },
		{ "check",         no_argument, NULL, OPT_CHECK },
		{ "dry-run",       no_argument, NULL, 'n' },
		{ "force",         no_argument, NULL, 'f' },
		{ "udev",          no_argument, NULL, OPT_UDEV },
		{ "new-interface", no_argument, NULL, OPT_NEW_INTERFACE },
		{ "settle",        no_argument, NULL, OPT_SETTLE },
		{ "version",       no_argument, NULL, OPT_VERSION },
		{ "help",          no_argument, NULL, OPT_HELP },
		{ 0 }
	};
	static const enum mode mode_of[] = {BIND_ALL, RELEASE, SETTINGS, PROPERTIES, CHECK};
	int opt;

	while ((opt = getopt_long(argc, argv, "nf", options, NULL)) >= 0) {
		switch (opt) {
		case OPT_ALL:
		case OPT_RELEASE:
		case OPT_SETTINGS:
		case OPT_PROPERTIES:
		case OPT_CHECK:
			run->mode = mode_of[opt - OPT_ALL];
			(*modes)++;
			break;
		case 'n':
			run->dry = true;
			break;
		case 'f':
			run->options.plan.force = true;
			break;
		case OPT_UDEV:
			run->event = log_to_syslog = true;
			run->options.event = true;
			openlog("vmbus-bind", LOG_PID, LOG_DAEMON);
			break;
		case OPT_NEW_INTERFACE:
			run->options.new_interface = true;
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
			return misused();
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct run run = { .mode = BIND_ONE };
	char guid[VMBUS_GUID_SIZE];
	int modes = 0;
	int status = parse_options(argc, argv, &run, &modes);

	if (status >= 0)
		return status;
	if (!arguments_are_right(&run, modes, argc - optind, argv + optind))
		return misused();
	if (optind < argc && !parse_id(&run, argv[optind], guid)) {
		msg(LOG_ERR, "%s: not a GUID%s (vmbusctl bind and unbind also accept interfaces)",
		    argv[optind], run.mode == RELEASE ? " or class" :
		    run.mode == SETTINGS ? ", nor a GUID/RELID with the number of a channel" : "");
		return EXIT_USAGE;
	}
	run.options.plan.is_named = run.mode == BIND_ONE && !run.event;

	return run.settle ? carry_out_settled(&run) : carry_out(&run);
}
