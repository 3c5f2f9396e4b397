// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl watch: show the traffic of the channels of devices. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "describe.h"
#include "identify.h"
#include "json.h"

/* A sample: the channels, as in the JSON, and the time */
struct look {
	struct json_object *channels; /* NULL before the first sample */
	int64_t at;		      /* of clock_now() */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = 1;
}

/* Return the seconds between two samples. */
static double seconds_between(const struct look *last, const struct look *now)
{
	return (now->at - last->at) / 1e9;
}

/* Find a channel in a sample, or return NULL. */
static struct json_object *find(const struct look *look, const char *instance, int64_t relid)
{
	for (size_t i = 0; look->channels && i < json_object_array_length(look->channels); i++) {
		struct json_object *one = json_object_array_get_idx(look->channels, i);

		if (json_get_number(one, "relid") == relid &&
		    !strcmp(json_get_string(one, "instance"), instance))
			return one;
	}
	return NULL;
}

/* Add a number with one digit after the point; a negative one becomes null. */
static void add_rate(struct json_object *object, const char *key, double value)
{
	static char format[] = "%.1f"; /* json-c takes no const */
	struct json_object *number = NULL;

	if (value >= 0) {
		number = need(json_object_new_double(value));
		json_object_set_serializer(number, json_object_double_to_json_string, format, NULL);
	}
	json_object_object_add(object, key, number);
}

/*
 * Compute a rate. Return -1 if it is not known: in the first sample, for a
 * counter that the kernel does not have, and after a counter has restarted
 * because the host offered the device again.
 */
static double rate(struct json_object *before, struct json_object *now, const char *key,
		   double seconds)
{
	int64_t from = before ? json_get_number(before, key) : -1, to = json_get_number(now, key);

	return from < 0 || to < from || seconds <= 0 ? -1 : (to - from) / seconds;
}

/* Add the channels of a device to a sample. */
static void add_channels(struct look *now, const struct look *last, const struct device *device)
{
	const double seconds = seconds_between(last, now);
	uint64_t data_bytes;
	struct json_object *list = describe_channels(device, 0, &data_bytes);

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_get(json_object_array_get_idx(list, i));
		struct json_object *before =
			find(last, device->instance, json_get_number(one, "relid"));

		json_string(one, "instance", device->instance);
		json_string(one, "class", device->class_name);
		json_string(one, "class_id", device->class_id);
		json_string(one, "driver", device_driver(device));
		add_rate(one, "interrupts_per_second", rate(before, one, "interrupts", seconds));
		add_rate(one, "signals_per_second", rate(before, one, "signals", seconds));
		json_bytes(one, "ring_data_bytes", data_bytes);
		json_object_array_add(now->channels, one);
	}
	json_object_put(list);
}

static char *rate_cell(struct json_object *row, const char *key, enum colour *colour)
{
	struct json_object *value = json_object_object_get(row, key);

	*colour = value && json_object_get_double(value) > 0 ? COLOUR_GOOD : COLOUR_NONE;
	return json_text(row, key);
}

static char *fill_cell(struct json_object *row, const char *key, enum colour *colour)
{
	int64_t bytes = json_get_number(row, key), room = json_get_number(row, "ring_data_bytes");

	if (bytes < 0 || room < 0)
		return need_strdup("");
	*colour = bytes > room - room / 10 ? COLOUR_WARNING : COLOUR_NONE;
	return need_printf("%" PRId64 "%%", bytes * 100 / room);
}

static const struct column columns[] = {
	{ "INSTANCE", "instance", LEFT, ALWAYS, 0, NULL },
	{ "CLASS", "class", LEFT, ALWAYS, 0, describe_class_cell },
	{ "DRIVER", "driver", LEFT, ALWAYS, 1, NULL },
	{ "CHANNEL", "relid", RIGHT, ALWAYS, 0, NULL },
	{ "INTERRUPTS/S", "interrupts_per_second", RIGHT, ALWAYS, 0, rate_cell },
	{ "SIGNALS/S", "signals_per_second", RIGHT, ALWAYS, 0, rate_cell },
	{ "FROM HOST", "from_host_bytes", RIGHT, ALWAYS, 0, fill_cell },
	{ "TO HOST", "to_host_bytes", RIGHT, ALWAYS, 0, fill_cell },
	{ 0 }
};

static void print_json(const struct look *last, const struct look *now)
{
	struct json_object *look = json_object_new_object();

	add_rate(look, "seconds", last->channels ? seconds_between(last, now) : -1);
	json_object_object_add(look, "channels", json_object_get(now->channels));
	json_print(look, JSON_C_TO_STRING_PLAIN);
	json_object_put(look);
}

/*
 * Take a sample, print it, and store it as the last one. Return an exit status.
 */
static int look_once(char **ids, int count, bool json, bool redraw, struct look *last)
{
	struct look now = { .channels = json_object_new_array() };
	struct engine engine;
	int status = command_read(&engine);

	/* The host may rescind a device after the first sample. */
	if (!status)
		status = identify_several(&engine.machine, ids, count, !last->channels);
	now.at = clock_now(CLOCK_MONOTONIC);
	for (size_t i = 0; !status && i < engine.machine.count; i++)
		if (engine.machine.devices[i].typed)
			add_channels(&now, last, &engine.machine.devices[i]);
	if (redraw && !status)
		fputs("\033[H\033[J", stdout);
	if (json && !status)
		print_json(last, &now);
	else if (!status)
		table_print(columns, now.channels, describe_digits(&engine.machine), stdout);
	engine_free(&engine);
	json_object_put(last->channels);
	*last = now;
	return command_end(status);
}

static int run(const struct options *options, int count, char **operands)
{
	const struct sigaction action = { .sa_handler = on_signal };
	const bool redraw = !options->json && isatty(STDOUT_FILENO);
	struct look last = { 0 };
	int status = EXIT_OK;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	for (long n = 0; !interrupted; n++) {
		/* In a file or pipe, an empty line separates the tables. */
		if (n && !options->json && !redraw)
			fputc('\n', stdout);
		status = look_once(operands, count, options->json, redraw, &last);
		if (status || n + 1 == options->count)
			break;
		clock_sleep(options->interval * 1000);
	}
	json_object_put(last.channels);
	return status;
}

const struct command watch_command = {
	.name = "watch",
	.arguments = "[-n SECONDS] [-c COUNT] [-j] [ID]...",
	.summary = "show interrupts and signals per second, and the waiting bytes in the rings",
	.help = "The table has a line for each channel. Devices may appear and disappear at any time.\n"
		"  -n, --interval SECONDS   time between two samples, 0.1 to 3600 (default: 1)\n"
		"  -c, --count COUNT        end after this number of samples (default: run until Ctrl-C)\n"
		"  -j, --json               one line of JSON for each sample\n",
	.options = "--interval= --count= --json --help",
	.takes = "I",
	.run = run,
};
