// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmbus_bufring.h>

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

static const char usage[] =
	"usage: vmbusctl list [-j]   the VMBus devices and who drives them\n"
	"  -j, --json      as JSON\n"
	"      --version, --help\n"
	"Exit status: 0 done; 1 failed; 2 wrong arguments. See vmbusctl(8).\n";

struct row {
	const struct vmbus_device *dev;
	const char *uio;     /* "uio0", or NULL */
	uint64_t ring_bytes; /* of one direction; 0: not known, nobody in user space has it */
	bool monitored;      /* signalled through the monitor page, not by a hypercall */
	char state[32];
};

/* enum vmbus_channel_state of the kernel, which shows the number */
static const char *const states[] = { "offered", "opening", "closed", "open" };

/* 0, -ENODEV when the device has left, or what reading returned */
static int fill(struct row *row, const struct vmbus_device *dev)
{
	char path[64];
	uint64_t value;
	int ret;

	*row = (struct row){ .dev = dev, .uio = vmbus_device_uio(dev) };
	ret = vmbus_device_attribute_u64(dev, "monitor_id", &value);
	if (ret && ret != -ENOENT)
		return ret;
	row->monitored = !ret;

	ret = vmbus_device_attribute_u64(dev, "state", &value);
	if (ret)
		return ret;
	if (value < sizeof(states) / sizeof(states[0]))
		strcpy(row->state, states[value]);
	else
		snprintf(row->state, sizeof(row->state), "state %" PRIu64, value);

	if (!row->uio)
		return 0;
	snprintf(path, sizeof(path), "uio/%s/maps/map0/size", row->uio);
	ret = vmbus_device_attribute_u64(dev, path, &value);
	if (ret == -ENOENT) { /* unbound meanwhile */
		row->uio = NULL;
		return 0;
	}
	if (!ret)
		row->ring_bytes = value / 2; /* map 0 holds both directions */
	return ret;
}

static void print_text(const struct row *rows, size_t count)
{
	char ring[24];

	printf("%-36s  %-8s  %-16s  %-6s  %9s  %-9s  %s\n", "INSTANCE", "CLASS", "DRIVER", "UIO",
	       "RING", "MONITORED", "STATE");
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		const char *name = vmbus_device_class_name(r->dev);
		const char *driver = vmbus_device_driver(r->dev);

		if (r->ring_bytes)
			snprintf(ring, sizeof(ring), "%" PRIu64 " KiB", r->ring_bytes / 1024);
		printf("%s  %-8s  %-16s  %-6s  %9s  %-9s  %s\n", vmbus_device_instance(r->dev),
		       name ? name : vmbus_device_class(r->dev), driver ? driver : "-",
		       r->uio ? r->uio : "-", r->ring_bytes ? ring : "-",
		       r->monitored ? "yes" : "no", r->state);
	}
}

static void add_string(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, value ? json_object_new_string(value) : NULL);
}

static int print_json(const struct row *rows, size_t count)
{
	struct json_object *list = json_object_new_array();
	const char *text;
	int ret = 0;

	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		struct json_object *o = json_object_new_object();

		add_string(o, "instance", vmbus_device_instance(r->dev));
		add_string(o, "class_id", vmbus_device_class(r->dev));
		add_string(o, "class", vmbus_device_class_name(r->dev));
		add_string(o, "driver", vmbus_device_driver(r->dev));
		add_string(o, "uio", r->uio);
		json_object_object_add(o, "ring_bytes",
				       r->ring_bytes ? json_object_new_int64(r->ring_bytes) : NULL);
		json_object_object_add(o, "monitored", json_object_new_boolean(r->monitored));
		add_string(o, "state", r->state);
		json_object_array_add(list, o);
	}
	text = json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		puts(text);
	else
		ret = -ENOMEM;
	json_object_put(list);
	return ret;
}

static int list(bool json)
{
	struct vmbus_device **devs;
	size_t count = 0, used = 0;
	struct row *rows;
	int ret;

	ret = vmbus_devices_list(NULL, &devs);
	if (ret == -ENODEV)
		ret = 0; /* no VMBus has no devices */
	if (ret < 0) {
		fprintf(stderr, "vmbusctl: %s\n", vmbus_error());
		if (!devs)
			return ret;
	} else {
		ret = 0;
	}
	while (devs && devs[count])
		count++;
	rows = calloc(count + 1, sizeof(*rows));
	if (!rows) {
		vmbus_devices_free(devs);
		fprintf(stderr, "vmbusctl: %s\n", strerror(ENOMEM));
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		int err = fill(&rows[used], devs[i]);

		if (err == -ENODEV)
			continue; /* rescinded since the listing */
		if (err) {
			fprintf(stderr, "vmbusctl: %s: its attributes cannot be read: %s\n",
				vmbus_device_instance(devs[i]), strerror(-err));
			ret = err;
		}
		used++;
	}
	if (json) {
		int err = print_json(rows, used);

		if (!ret)
			ret = err;
	} else {
		print_text(rows, used);
	}
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "vmbusctl: standard output: %s\n", strerror(errno));
		ret = -EIO;
	}
	free(rows);
	vmbus_devices_free(devs);
	return ret;
}

int main(int argc, char **argv)
{
	enum { OPT_VERSION = 256, OPT_HELP };
	static const struct option options[] = {
		{ "json",    no_argument,       NULL, 'j' },
		{ "version", no_argument,       NULL, OPT_VERSION },
		{ "help",    no_argument,       NULL, OPT_HELP },
		{ 0 }
	};
	bool json = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "j", options, NULL)) >= 0) {
		switch (opt) {
		case 'j':
			json = true;
			break;
		case OPT_VERSION:
			puts("vmbusctl " HYPERV_UIO_VERSION);
			return EXIT_OK;
		case OPT_HELP:
			fputs(usage, stdout);
			return EXIT_OK;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (argc - optind != 1 || strcmp(argv[optind], "list")) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return list(json) ? EXIT_FAILED : EXIT_OK;
}
