// SPDX-License-Identifier: GPL-2.0-only
/* The devices, as the command line describes them */
#include <stdlib.h>
#include <string.h>

#include "hyperv.h"

/* Delays that the program can change (FRAME_DELAY) */
#define OPEN_MS	 5
#define CLOSE_MS 10

/* In a GUID's bytes the first three numbers are little-endian. */
static bool take_guid(uint8_t *guid, const char *text)
{
	static const uint8_t place[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	unsigned int byte;

	for (int i = 0; i < 16; i++, text += 2) {
		text += *text == '-';
		if (sscanf(text, "%2x", &byte) != 1)
			return false;
		guid[place[i]] = (uint8_t)byte;
	}
	return !*text;
}

static bool take_number(uint32_t *number, const char *text, uint32_t max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*number = (uint32_t)value;
	return *text && !*end && value <= max;
}

static bool take_switch(bool *on, const char *text)
{
	*on = !strcmp(text, "on");
	return *on || !strcmp(text, "off");
}

/* Set a property. Returns false if there is no such property or value. */
static bool take_property(struct device *d, const char *name, const char *value)
{
	if (!strcmp(name, "class"))
		return take_guid(d->class, value);
	if (!strcmp(name, "instance"))
		return take_guid(d->instance, value);
	if (!strcmp(name, "channels"))
		return take_number(&d->channels, value, MAX_CHANNELS) && d->channels;
	if (!strcmp(name, "relid"))
		return take_number(&d->relid, value, UINT16_MAX);
	if (!strcmp(name, "throttle"))
		return take_number(&d->throttle, value, UINT32_MAX);
	if (!strcmp(name, "settle"))
		return take_number(&d->settle, value, UINT32_MAX);
	if (!strcmp(name, "monitored"))
		return take_switch(&d->monitored, value);
	if (!strcmp(name, "offered"))
		return take_switch(&d->offered, value);
	if (!strcmp(name, "pipe"))
		return take_switch(&d->pipe, value);
	return false;
}

static void take_properties(struct device *d, char *text)
{
	static const uint8_t none[16];

	for (char *save, *word = strtok_r(text, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		char *value = strchr(word, '=');

		if (value)
			*value++ = 0;
		if (!value || !take_property(d, word, value))
			die("device %s: there is no property '%s' with the value '%s'", d->name,
			    word, value ? value : "");
	}
	if (!memcmp(d->class, none, sizeof(none)))
		die("device %s needs class=, the GUID of its class", d->name);
}

static void add_channels(struct device *d)
{
	if (nr_channels + d->channels > MAX_ALL)
		die("all devices together have at most %d channels", MAX_ALL);
	for (uint32_t i = 0; i < d->channels; i++) {
		d->channel[i].device = d;
		d->channel[i].index = i;
		channels[nr_channels++] = &d->channel[i];
	}
}

/* Make the device that NAME:PROPERTY=VALUE,... describes, and its socket. */
void add_device(const char *text)
{
	struct device *d = allocate(sizeof(*d));
	char *words = strdup(text), *properties, path[64];

	properties = words ? strchr(words, ':') : NULL;
	if (!properties || nr_devices == MAX_DEVICES)
		die("device '%s': NAME:PROPERTY=VALUE,... is expected, at most %d times", text,
		    MAX_DEVICES);
	*properties++ = 0;
	d->name = words;
	d->channels = 1;
	d->offered = true;
	d->fd = -1;
	d->delay[FRAME_DELAY_OPEN] = OPEN_MS;
	d->delay[FRAME_DELAY_CLOSE] = CLOSE_MS;
	take_properties(d, properties);
	add_channels(d);
	if (snprintf(path, sizeof(path), "%s.sock", d->name) >= (int)sizeof(path))
		die("the name of device %s is too long", d->name);
	d->listener = listen_at(path);
	devices[nr_devices++] = d;
}
