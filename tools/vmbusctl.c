// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../udev/vmbusdev.h"

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

static const char usage[] =
	"usage: vmbusctl list [-j]   the VMBus devices and who drives them\n"
	"  -j, --json      as JSON\n"
	"      --root DIR  a tree with sys in place of the machine's\n"
	"      --version, --help\n"
	"Exit status: 0 done; 1 failed; 2 wrong arguments. See vmbusctl(8).\n";

struct row {
	struct vmbus_dev dev;
	char uio[32];        /* "uio0"; empty: none */
	uint64_t ring_bytes; /* of one direction; 0: not known, nobody in user space has it */
	bool monitored;      /* signalled through the monitor page, not by a hypercall */
	char state[32];
};

/* enum vmbus_channel_state of the kernel, which shows the number */
static const char *const states[] = { "offered", "opening", "closed", "open" };

static int is_uio(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "uio", 3);
}

static int fill(struct row *row, const struct vmbus_dev *dev)
{
	char path[PATH_MAX], text[32], *end;
	struct dirent **entries;
	unsigned long state;
	int n, ret;

	*row = (struct row){ .dev = *dev };
	row->monitored = exists("/sys/bus/vmbus/devices/%s/monitor_id", dev->instance);

	ret = read_line(text, sizeof(text), "/sys/bus/vmbus/devices/%s/state", dev->instance);
	if (ret < 0)
		return ret;
	state = strtoul(text, &end, 10);
	if (*end || end == text)
		return -EPROTO;
	if (state < sizeof(states) / sizeof(states[0]))
		strcpy(row->state, states[state]);
	else
		snprintf(row->state, sizeof(row->state), "state %lu", state);

	if (snprintf(path, sizeof(path), "%s/sys/bus/vmbus/devices/%s/uio", root, dev->instance) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	n = scandir(path, &entries, is_uio, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	if (n)
		snprintf(row->uio, sizeof(row->uio), "%.31s", entries[0]->d_name);
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	if (!n)
		return 0;
	ret = read_line(text, sizeof(text), "/sys/bus/vmbus/devices/%s/uio/%s/maps/map0/size",
			dev->instance, row->uio);
	if (ret == -ENOENT) { /* unbound meanwhile */
		row->uio[0] = '\0';
		return 0;
	}
	if (ret < 0)
		return ret;
	row->ring_bytes = strtoull(text, &end, 0) / 2; /* map 0 holds both directions */
	return *end || end == text ? -EPROTO : 0;
}

static void print_text(const struct row *rows, size_t count)
{
	char ring[24];

	printf("%-36s  %-8s  %-16s  %-6s  %9s  %-9s  %s\n", "INSTANCE", "CLASS", "DRIVER", "UIO",
	       "RING", "MONITORED", "STATE");
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		const char *name = class_name(r->dev.class);

		if (r->ring_bytes)
			snprintf(ring, sizeof(ring), "%" PRIu64 " KiB", r->ring_bytes / 1024);
		printf("%s  %-8s  %-16s  %-6s  %9s  %-9s  %s\n", r->dev.instance,
		       name ? name : r->dev.class, r->dev.driver[0] ? r->dev.driver : "-",
		       r->uio[0] ? r->uio : "-", r->ring_bytes ? ring : "-",
		       r->monitored ? "yes" : "no", r->state);
	}
}

static void add_string(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, value && value[0] ? json_object_new_string(value) : NULL);
}

static int print_json(const struct row *rows, size_t count)
{
	struct json_object *list = json_object_new_array();
	const char *text;
	int ret = 0;

	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		struct json_object *o = json_object_new_object();

		add_string(o, "instance", r->dev.instance);
		add_string(o, "class_id", r->dev.class);
		add_string(o, "class", class_name(r->dev.class));
		add_string(o, "driver", r->dev.driver);
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
	struct vmbus_dev *devs;
	struct row *rows;
	size_t count, used = 0;
	int ret;

	ret = dev_list(&devs, &count);
	if (ret) {
		fprintf(stderr, "vmbusctl: the VMBus devices cannot be listed: %s\n", strerror(-ret));
		return ret;
	}
	rows = calloc(count ? count : 1, sizeof(*rows));
	if (!rows) {
		free(devs);
		fprintf(stderr, "vmbusctl: %s\n", strerror(ENOMEM));
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		int err = fill(&rows[used], &devs[i]);

		if (!err)
			err = devs[i].error;
		if (err == -ENOENT)
			continue; /* rescinded since the listing */
		if (err) {
			fprintf(stderr, "vmbusctl: %s: its attributes cannot be read: %s\n",
				devs[i].instance, strerror(-err));
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
	if (fflush(stdout)) {
		fprintf(stderr, "vmbusctl: standard output: %s\n", strerror(errno));
		ret = -EIO;
	}
	free(rows);
	free(devs);
	return ret;
}

int main(int argc, char **argv)
{
	enum { OPT_ROOT = 256, OPT_VERSION, OPT_HELP };
	static const struct option options[] = {
		{ "json",    no_argument,       NULL, 'j' },
		{ "root",    required_argument, NULL, OPT_ROOT },
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
		case OPT_ROOT:
			root = strcmp(optarg, "/") ? optarg : "";
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
