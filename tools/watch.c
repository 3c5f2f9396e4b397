// SPDX-License-Identifier: GPL-2.0-only
/* vmbusctl watch: show the traffic of the channels of devices. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "describe.h"
#include "identify.h"
#include "json.h"
#include "table.h"

static int run(const struct options *options, int count, char **operands);

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

/* The counters of one channel in the last sample */
struct counters {
	char instance[GUID_SIZE];
	uint32_t relid;
	int64_t interrupts, signals;
};

struct look {
	struct counters *counters;
	size_t count;
	struct timespec at;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = 1;
}

static double seconds_between(const struct timespec *from, const struct timespec *to)
{
	return to->tv_sec - from->tv_sec + (to->tv_nsec - from->tv_nsec) / 1e9;
}

static void remember(struct look *look, const struct view *view)
{
	*look = (struct look){ 0 };
	clock_gettime(CLOCK_MONOTONIC, &look->at);
	for (size_t i = 0; i < view->engine.machine.count; i++) {
		const struct channels *channels = &view->details[i].channels;

		for (size_t c = 0; view->chosen[i] && c < channels->count; c++) {
			struct counters *counters;

			look->counters = need(
				reallocarray(look->counters, look->count + 1, sizeof(*counters)));
			counters = &look->counters[look->count++];
			strcpy(counters->instance, view->engine.machine.devices[i].instance);
			counters->relid = channels->items[c].relid;
			counters->interrupts = channels->items[c].interrupts;
			counters->signals = channels->items[c].signals;
		}
	}
}

static const struct counters *find(const struct look *look, const struct device *device,
				   uint32_t relid)
{
	for (size_t i = 0; i < look->count; i++)
		if (look->counters[i].relid == relid &&
		    !strcmp(look->counters[i].instance, device->instance))
			return &look->counters[i];
	return NULL;
}

/*
 * Compute a rate. Return -1 if it is not known: in the first sample, for a
 * counter that the kernel does not have, and after a counter has restarted
 * because the host offered the device again.
 */
static double rate(int64_t before, int64_t now, double seconds)
{
	if (before < 0 || now < before || seconds <= 0)
		return -1;
	return (now - before) / seconds;
}

struct rates {
	double interrupts, signals;
};

static struct rates rates_of(const struct look *last, const struct look *now,
			     const struct device *device, const struct channel *channel)
{
	const struct counters *before = find(last, device, channel->relid);
	double seconds = seconds_between(&last->at, &now->at);

	if (!before)
		return (struct rates){ -1, -1 };
	return (struct rates){
		rate(before->interrupts, channel->interrupts, seconds),
		rate(before->signals, channel->signals, seconds),
	};
}

static void rate_cell(struct table *table, double value)
{
	if (value < 0)
		table_cell(table, COLOUR_NONE, "%s", "");
	else
		table_cell(table, value > 0 ? COLOUR_GOOD : COLOUR_NONE, "%.1f", value);
}

static void fill_cell(struct table *table, int64_t bytes, uint64_t room)
{
	if (bytes < 0 || !room)
		table_cell(table, COLOUR_NONE, "%s", "");
	else
		table_cell(table, (uint64_t)bytes > room - room / 10 ? COLOUR_WARNING : COLOUR_NONE,
			   "%" PRIu64 "%%", (uint64_t)bytes * 100 / room);
}

static void print_text(const struct view *view, const struct look *last, const struct look *now)
{
	static const struct column columns[] = { { "INSTANCE", LEFT, ALWAYS, 0 },
						 { "CLASS", LEFT, ALWAYS, 0 },
						 { "DRIVER", LEFT, ALWAYS, 1 },
						 { "CHANNEL", RIGHT, ALWAYS, 0 },
						 { "INTERRUPTS/S", RIGHT, ALWAYS, 0 },
						 { "SIGNALS/S", RIGHT, ALWAYS, 0 },
						 { "FROM HOST", RIGHT, ALWAYS, 0 },
						 { "TO HOST", RIGHT, ALWAYS, 0 },
						 { 0 } };
	struct table *table = table_new(columns, false);

	for (size_t i = 0; i < view->engine.machine.count; i++) {
		const struct device *device = &view->engine.machine.devices[i];
		const struct channels *channels = &view->details[i].channels;

		for (size_t c = 0; view->chosen[i] && c < channels->count; c++) {
			const struct channel *channel = &channels->items[c];
			struct rates rates = rates_of(last, now, device, channel);

			table_cell(table, COLOUR_NONE, "%.*s", view_digits(view), device->instance);
			table_cell(table, COLOUR_NONE, "%s", device_class(device));
			table_cell(table, COLOUR_NONE, "%s", device_driver(device));
			table_cell(table, COLOUR_NONE, "%" PRIu32, channel->relid);
			rate_cell(table, rates.interrupts);
			rate_cell(table, rates.signals);
			fill_cell(table, channel->from_host, channels->data_bytes);
			fill_cell(table, channel->to_host, channels->data_bytes);
		}
	}
	table_print(table, stdout);
	table_free(table);
}

static void json_rate(struct json_object *object, const char *key, double value)
{
	static char format[] = "%.1f"; /* json-c takes no const */
	struct json_object *number = NULL;

	if (value >= 0) {
		number = need(json_object_new_double(value));
		json_object_set_serializer(number, json_object_double_to_json_string, format, NULL);
	}
	json_object_object_add(object, key, number);
}

static struct json_object *channel_json(const struct device *device,
					const struct channels *channels,
					const struct channel *channel, struct rates rates)
{
	struct json_object *o = json_object_new_object();

	json_string(o, "instance", device->instance);
	json_string(o, "class", device->class_name);
	json_string(o, "driver", device_driver(device));
	json_number(o, "relid", channel->relid);
	json_number(o, "interrupts", channel->interrupts);
	json_number(o, "signals", channel->signals);
	json_rate(o, "interrupts_per_second", rates.interrupts);
	json_rate(o, "signals_per_second", rates.signals);
	json_number(o, "from_host_bytes", channel->from_host);
	json_number(o, "to_host_bytes", channel->to_host);
	json_number(o, "ring_data_bytes",
		    channels->data_bytes ? (int64_t)channels->data_bytes : -1);
	return o;
}

static bool is_first(const struct look *last)
{
	return !last->at.tv_sec && !last->at.tv_nsec;
}

static void print_json(const struct view *view, const struct look *last, const struct look *now)
{
	struct json_object *look = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < view->engine.machine.count; i++) {
		const struct device *device = &view->engine.machine.devices[i];
		const struct channels *channels = &view->details[i].channels;

		for (size_t c = 0; view->chosen[i] && c < channels->count; c++) {
			const struct channel *channel = &channels->items[c];

			json_object_array_add(list,
					      channel_json(device, channels, channel,
							   rates_of(last, now, device, channel)));
		}
	}
	json_rate(look, "seconds", is_first(last) ? -1 : seconds_between(&last->at, &now->at));
	json_object_object_add(look, "channels", list);
	json_print_line(look);
}

/*
 * Take a sample, print it, and store it as the last one. Return an exit status.
 */
static int look_once(char **ids, int count, bool json, bool redraw, struct look *last)
{
	struct view view;
	struct look now;
	int status = view_read(&view, false);

	/* The host may rescind a device after the first sample. */
	if (!status)
		status = identify_several(&view, ids, count, is_first(last));
	if (status)
		goto out;
	for (size_t i = 0; i < view.engine.machine.count; i++)
		if (view.chosen[i])
			channels_read(&view.engine.machine.devices[i], 0,
				      &view.details[i].channels);
	remember(&now, &view);
	if (redraw)
		fputs("\033[H\033[J", stdout);
	if (json)
		print_json(&view, last, &now);
	else
		print_text(&view, last, &now);
	free(last->counters);
	*last = now;
	status = command_end(EXIT_OK);
out:
	view_free(&view);
	return status;
}

static int run(const struct options *options, int count, char **operands)
{
	const struct sigaction action = { .sa_handler = on_signal };
	const bool redraw = !options->json && isatty(STDOUT_FILENO);
	struct look last = { 0 };
	struct timespec pause;
	int status = EXIT_OK;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	pause.tv_sec = options->interval;
	pause.tv_nsec = (options->interval - pause.tv_sec) * 1e9;
	for (long n = 0; !interrupted; n++) {
		/* In a file or pipe, an empty line separates the tables. */
		if (n && !options->json && !redraw)
			fputc('\n', stdout);
		status = look_once(operands, count, options->json, redraw, &last);
		if (status || n + 1 == options->count)
			break;
		nanosleep(&pause, NULL);
	}
	free(last.counters);
	return status;
}
