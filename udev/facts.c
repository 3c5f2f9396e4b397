// SPDX-License-Identifier: GPL-2.0-only
#include "facts.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NET "%s/sys/class/net"

static int print_path(char path[PATH_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int print_path(char path[PATH_MAX], const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(path, PATH_MAX, format, args);
	va_end(args);
	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/*
 * Read the first line of an attribute of an interface. Return 0 or -errno, and
 * then @text is "".
 */
static int read_net(const char *name, const char *attribute, char *text, size_t size)
{
	char path[PATH_MAX];
	FILE *file;
	int ret;

	text[0] = '\0';
	ret = print_path(path, NET "/%s/%s", vmbus_sysroot(), name, attribute);
	if (ret)
		return ret;
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (!fgets(text, size, file)) {
		ret = ferror(file) ? -errno : -EPROTO;
		text[0] = '\0';
	}
	text[strcspn(text, "\n")] = '\0';
	fclose(file);
	return ret;
}

/* Read the last part of a link's target. Return 0 or -errno. */
static int read_target(const char *name, const char *link, char *text, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *slash;
	ssize_t len;
	int ret;

	ret = print_path(path, NET "/%s/%s", vmbus_sysroot(), name, link);
	if (ret)
		return ret;
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return -errno;
	target[len] = '\0';
	slash = strrchr(target, '/');
	return snprintf(text, size, "%s", slash ? slash + 1 : target) < (int)size ? 0 :
										    -ENAMETOOLONG;
}

static bool contains(const struct stack *stack, const char *name)
{
	for (size_t i = 0; i < stack->count; i++)
		if (!strcmp(stack->names[i], name))
			return true;
	return false;
}

static int add(struct stack *stack, const char *name)
{
	char (*names)[INTERFACE_SIZE];

	if (contains(stack, name))
		return 0;
	if (strlen(name) >= INTERFACE_SIZE)
		return -ENAMETOOLONG;
	names = reallocarray(stack->names, stack->count + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	stack->names = names;
	strcpy(names[stack->count++], name);
	return 0;
}

/*
 * Add the interfaces directly above or below @name. The kernel has a link for
 * each: upper_NAME or lower_NAME.
 */
static int add_linked(struct stack *stack, const char *name, const char *prefix)
{
	const size_t length = strlen(prefix);
	struct dirent *entry;
	char path[PATH_MAX];
	DIR *dir;
	int ret;

	ret = print_path(path, NET "/%s", vmbus_sysroot(), name);
	if (ret)
		return ret;
	dir = opendir(path);
	/* The interface may disappear at any time. */
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!ret && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, prefix, length))
			ret = add(stack, entry->d_name + length);
	closedir(dir);
	return ret;
}

static int add_master(struct stack *stack, const char *name)
{
	char master[INTERFACE_SIZE];
	int ret = read_target(name, "master", master, sizeof(master));

	return ret ? (ret == -ENOENT ? 0 : ret) : add(stack, master);
}

/*
 * Return whether an interface with the MAC of @device is its virtual function.
 * The members of a bond have one MAC, too, but each of them is a VMBus device,
 * or has the bond as its master.
 */
static bool is_virtual_function(const char *name, const struct device *device)
{
	char mac[MAC_SIZE + 1], bus[32], master[INTERFACE_SIZE];

	if (!strcmp(name, device->interface) || read_net(name, "address", mac, sizeof(mac)) ||
	    strcmp(mac, device->mac))
		return false;
	/* Bridges and VLANs have no device. */
	if (read_target(name, "device/subsystem", bus, sizeof(bus)) || !strcmp(bus, "vmbus"))
		return false;
	return read_target(name, "master", master, sizeof(master)) ||
	       !strcmp(master, device->interface);
}

static int add_virtual_functions(struct stack *stack, const struct device *device)
{
	struct dirent *entry;
	char path[PATH_MAX];
	DIR *dir;
	int ret;

	if (!device->mac[0])
		return 0;
	ret = print_path(path, NET, vmbus_sysroot());
	if (ret)
		return ret;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && is_virtual_function(entry->d_name, device))
			ret = add(stack, entry->d_name);
	closedir(dir);
	return ret;
}

/* Add everything above or below the interfaces of the stack. */
static int add_all(struct stack *stack, bool above)
{
	char name[INTERFACE_SIZE];
	int ret = 0;

	for (size_t i = 0; !ret && i < stack->count; i++) {
		strcpy(name, stack->names[i]);
		ret = add_linked(stack, name, above ? "upper_" : "lower_");
		if (!ret && above)
			ret = add_master(stack, name);
	}
	return ret;
}

int facts_is_up(const char *name)
{
	char text[32];
	int ret = read_net(name, "flags", text, sizeof(text));

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	return !!(strtoul(text, NULL, 16) & IFF_UP);
}

void facts_read_stack(struct device *device)
{
	struct stack *stack = &device->stack;
	int ret;

	if (stack->is_read || !device->has_interface)
		return;
	stack->is_read = true;
	/*
	 * A bond is above its members. add_all() must not add what is below the
	 * bond together with the bond, so it looks below first.
	 */
	ret = add(stack, device->interface);
	if (!ret)
		ret = add_virtual_functions(stack, device);
	if (!ret)
		ret = add_all(stack, false);
	stack->above = stack->count;
	if (!ret)
		ret = add_all(stack, true);
	for (size_t i = 0; !ret && i < stack->count; i++) {
		ret = facts_is_up(stack->names[i]);
		if (ret > 0)
			strcpy(stack->up, stack->names[i]);
	}
	stack->error = ret < 0 ? ret : 0;
}

/*
 * Return whether udev has named an interface. udev writes its file about the
 * interface after it has named it. Without udev, nobody changes the name.
 */
static bool is_named(const char *ifindex)
{
	char path[PATH_MAX];

	if (!print_path(path, "%s/run/udev/data", vmbus_sysroot()) && access(path, F_OK))
		return true;
	return !print_path(path, "%s/run/udev/data/n%s", vmbus_sysroot(), ifindex) &&
	       !access(path, F_OK);
}

/* Read the interface of a NIC. Return whether there is one. */
static bool read_interface(const char *sysfs, struct device *device)
{
	char path[PATH_MAX], ifindex[16], mac[MAC_SIZE + 1];
	struct dirent *entry;
	DIR *dir;

	if (print_path(path, "%s/net", sysfs))
		return false;
	dir = opendir(path);
	if (!dir)
		return false;
	while ((entry = readdir(dir)) &&
	       (entry->d_name[0] == '.' || strlen(entry->d_name) >= INTERFACE_SIZE))
		;
	if (entry)
		strcpy(device->interface, entry->d_name);
	closedir(dir);
	if (!entry)
		return false;
	/*
	 * Other kinds of network have longer addresses, which no rule can name.
	 */
	if (!read_net(device->interface, "address", mac, sizeof(mac)) &&
	    strlen(mac) == MAC_SIZE - 1)
		strcpy(device->mac, mac);
	read_net(device->interface, "ifindex", ifindex, sizeof(ifindex));
	device->is_named = is_named(ifindex);
	return true;
}

int facts_read_one(const struct vmbus_device *dev, struct device *device)
{
	const char *driver = vmbus_device_driver(dev);

	*device = (struct device){ .class_name = vmbus_device_class_name(dev) };
	strcpy(device->instance, vmbus_device_instance(dev));
	strcpy(device->class_id, vmbus_device_class(dev));
	if (driver && snprintf(device->driver, sizeof(device->driver), "%s", driver) >=
		      (int)sizeof(device->driver))
		return -ENAMETOOLONG;
	device->is_held = note_is_held(device->instance);
	if (!device->class_name || strcmp(device->class_name, "nic"))
		return 0;
	device->has_interface = read_interface(vmbus_device_sysfs(dev), device);
	if (device->has_interface)
		return 0;
	/*
	 * A NIC without a driver has no interface yet. The interface that it
	 * had earlier need not come back.
	 */
	if (device->driver[0])
		note_read(device->instance, device->interface, device->mac);
	device->is_named = device->interface[0];
	return 0;
}

void facts_free_one(struct device *device)
{
	free(device->stack.names);
	device->stack = (struct stack){ 0 };
}

int facts_read(struct facts *facts)
{
	struct vmbus_device **list;
	size_t count = 0;
	int ret;

	*facts = (struct facts){ 0 };
	ret = vmbus_devices_list(NULL, &list);
	if (!list)
		return ret;
	if (ret < 0)
		facts->device_error = ret;
	while (list[count])
		count++;
	facts->devices = calloc(count + 1, sizeof(*facts->devices));
	for (size_t i = 0; facts->devices && i < count; i++) {
		ret = facts_read_one(list[i], &facts->devices[facts->device_count]);
		if (!ret)
			facts->device_count++;
		else if (!facts->device_error)
			facts->device_error = ret;
	}
	vmbus_devices_free(list);
	return facts->devices ? 0 : -ENOMEM;
}

void facts_free(struct facts *facts)
{
	for (size_t i = 0; i < facts->device_count; i++)
		facts_free_one(&facts->devices[i]);
	free(facts->devices);
	*facts = (struct facts){ 0 };
}

bool facts_is_kdump(void)
{
	char path[PATH_MAX];

	return !print_path(path, "%s/proc/vmcore", vmbus_sysroot()) && !access(path, F_OK);
}

int facts_device(const struct facts *facts, const char *instance)
{
	for (size_t i = 0; i < facts->device_count; i++)
		if (!strcmp(facts->devices[i].instance, instance))
			return i;
	return -1;
}
