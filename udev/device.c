// SPDX-License-Identifier: GPL-2.0-only
#include "device.h"

#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "run.h"

#define NET "/sys/class/net"

/* The kernel shows this for an override that is not set. */
#define NO_OVERRIDE "(null)"

static bool contains(const struct stack *stack, const char *name)
{
	for (size_t i = 0; i < stack->count; i++)
		if (!strcmp(stack->names[i], name))
			return true;
	return false;
}

static void add(struct stack *stack, const char *name)
{
	if (contains(stack, name) || strlen(name) >= INTERFACE_SIZE)
		return;
	stack->names = need(reallocarray(stack->names, stack->count + 1, sizeof(*stack->names)));
	strcpy(stack->names[stack->count++], name);
}

/*
 * Add the interfaces directly above or below @name. The kernel has a link for
 * each: upper_NAME or lower_NAME. Return 0 or -errno.
 */
static int add_linked(struct stack *stack, const char *name, const char *prefix)
{
	const size_t length = strlen(prefix);
	char *path = file_path(NET "/%s", name);
	struct dirent *entry;
	DIR *dir = opendir(path);
	int err = dir ? 0 : errno;

	free(path);
	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, prefix, length))
			add(stack, entry->d_name + length);
	if (dir)
		closedir(dir);
	/* The interface may disappear at any time. */
	return err == ENOENT ? 0 : -err;
}

static void add_master(struct stack *stack, const char *name)
{
	char *master = file_link(NET "/%s/master", name);

	if (master)
		add(stack, master);
	free(master);
}

/*
 * Return whether an interface with the MAC of @device is its virtual function.
 * The members of a bond have one MAC, too, but each of them is a VMBus device,
 * or has the bond as its master. Bridges and VLANs have no device.
 */
static bool is_virtual_function(const char *name, const struct device *device)
{
	char *mac, *bus = NULL, *master = NULL;
	bool yes;

	if (!strcmp(name, device->interface))
		return false;
	mac = file_line(NET "/%s/address", name);
	yes = mac && !strcmp(mac, device->mac);
	if (yes) {
		bus = file_link(NET "/%s/device/subsystem", name);
		master = file_link(NET "/%s/master", name);
		yes = bus && strcmp(bus, "vmbus") &&
		      (!master || !strcmp(master, device->interface));
	}
	free(mac);
	free(bus);
	free(master);
	return yes;
}

/* Return 0 or -errno. */
static int add_virtual_functions(struct stack *stack, const struct device *device)
{
	struct strings names = file_names(NET);
	/* The list has at least the interface of the device. */
	int ret = names.count ? 0 : -ENOENT;

	for (size_t i = 0; device->mac[0] && i < names.count; i++)
		if (is_virtual_function(names.items[i], device))
			add(stack, names.items[i]);
	strings_free(&names);
	return ret;
}

/*
 * Add everything above or below the interfaces of the stack. Return 0 or
 * -errno.
 */
static int add_all(struct stack *stack, bool above)
{
	char name[INTERFACE_SIZE];
	int ret = 0;

	for (size_t i = 0; !ret && i < stack->count; i++) {
		strcpy(name, stack->names[i]);
		ret = add_linked(stack, name, above ? "upper_" : "lower_");
		if (above)
			add_master(stack, name);
	}
	return ret;
}

/* Return 1 if an interface is up, 0 if it is down or absent, or -errno. */
static int interface_is_up(const char *name)
{
	char *text = file_line(NET "/%s/flags", name);
	int ret = text ? !!(strtoul(text, NULL, 16) & IFF_UP) : errno == ENOENT ? 0 : -errno;

	free(text);
	return ret;
}

/* Find the interface of the stack whose master is @stack->up. */
static void find_member(struct stack *stack)
{
	for (size_t i = 0; i < stack->count; i++) {
		char *master = file_link(NET "/%s/master", stack->names[i]);

		if (master && !strcmp(master, stack->up))
			strcpy(stack->member, stack->names[i]);
		free(master);
	}
}

void device_read_stack(struct device *device)
{
	struct stack *stack = &device->stack;
	int ret;

	if (stack->is_read || !device->has_interface)
		return;
	stack->is_read = true;
	/*
	 * The other members of a bond do not belong to the stack, although they
	 * are below the bond. So add what is below the NIC first, while the
	 * stack does not have the bond.
	 */
	add(stack, device->interface);
	ret = add_virtual_functions(stack, device);
	if (!ret)
		ret = add_all(stack, false);
	stack->above = stack->count;
	if (!ret)
		ret = add_all(stack, true);
	for (size_t i = 0; !ret && i < stack->count; i++) {
		ret = interface_is_up(stack->names[i]);
		if (ret > 0)
			strcpy(stack->up, stack->names[i]);
	}
	/* The NIC itself is the master of its virtual function. */
	if (strcmp(stack->up, device->interface))
		find_member(stack);
	stack->error = ret < 0 ? ret : 0;
}

/*
 * Return whether udev has named an interface. udev writes its file about an
 * interface only after it has named the interface. Without udev, nobody changes
 * the name.
 */
static bool is_named(const char *ifindex)
{
	return !file_exists("/run/udev/data") || file_exists("/run/udev/data/n%s", ifindex);
}

/* Read the interface of a NIC, if there is one. */
static void read_interface(struct device *device)
{
	struct strings names = file_names("%s/net", device_sysfs(device));
	char *mac, *ifindex;

	for (size_t i = 0; !device->has_interface && i < names.count; i++)
		device->has_interface = snprintf(device->interface, INTERFACE_SIZE, "%s",
						 names.items[i]) < INTERFACE_SIZE;
	strings_free(&names);
	if (!device->has_interface) {
		device->interface[0] = '\0';
		return;
	}
	/* A bond gives its own MAC to its members. */
	mac = file_line("%s/net/%s/bonding_slave/perm_hwaddr", device_sysfs(device),
			device->interface);
	if (!mac)
		mac = file_line("%s/net/%s/address", device_sysfs(device), device->interface);
	ifindex = file_line("%s/net/%s/ifindex", device_sysfs(device), device->interface);
	/*
	 * Other kinds of network have longer addresses, which no rule can name.
	 */
	if (mac && strlen(mac) == MAC_SIZE - 1)
		strcpy(device->mac, mac);
	device->is_named = is_named(ifindex ? ifindex : "");
	free(mac);
	free(ifindex);
}

/* Read what the handle does not have. */
static void read_rest(struct device *device)
{
	device->is_held = note_is_held(device->instance);
	if (!device_is_nic(device))
		return;
	read_interface(device);
	if (device->has_interface)
		return;
	/*
	 * A NIC that waits for a driver has no interface yet. The interface
	 * that it had earlier need not come back.
	 */
	if (*device_driver(device) || !device_may_have_interface(device))
		note_read(device->instance, device->interface, device->mac);
	device->is_named = device->interface[0];
}

void device_read(struct device *device, struct vmbus_device *handle)
{
	*device = (struct device){
		.handle = handle,
		.instance = handle->instance,
		.class_id = handle->class_id,
		.class_name = handle->class_name,
	};
	read_rest(device);
}

void device_clear(struct device *device)
{
	free(device->stack.names);
	device->stack = (struct stack){ 0 };
}

int device_reread(struct device *device)
{
	const char *typed = device->typed;
	int ret = vmbus_device_refresh(device->handle);

	if (ret)
		return ret;
	device_clear(device);
	device_read(device, device->handle);
	device->typed = typed;
	return 0;
}

const char *device_driver(const struct device *device)
{
	const char *driver = device->handle->driver;

	return driver ? driver : "";
}

bool device_has_driver(const struct device *device, const char *driver)
{
	return !strcmp(device_driver(device), driver);
}

bool device_may_have_interface(const struct device *device)
{
	const char *driver = device_driver(device);
	char override[DRIVER_NAME_MAX + 1];

	/* An override keeps all other drivers away. */
	if (!*driver) {
		device_override(device, override);
		driver = override;
	}
	return device_is_nic(device) &&
	       (device->has_interface || !*driver || !strcmp(driver, NIC_DRIVER));
}

const char *device_sysfs(const struct device *device)
{
	return device->handle->sysfs + strlen(sysroot());
}

bool device_is_nic(const struct device *device)
{
	return device->class_name && !strcmp(device->class_name, "nic");
}

const char *device_class(const struct device *device)
{
	return device->class_name ? device->class_name : device->class_id;
}

const char *device_text(const struct device *device)
{
	static char text[128];

	if (device->typed && strcmp(device->typed, device->instance))
		snprintf(text, sizeof(text), "%.96s (%.8s…)", device->typed, device->instance);
	else
		snprintf(text, sizeof(text), "%s (%s)", device->instance, device_class(device));
	return text;
}

int device_override(const struct device *device, char out[DRIVER_NAME_MAX + 1])
{
	int ret =
		vmbus_device_attribute(device->handle, "driver_override", out, DRIVER_NAME_MAX + 1);

	if (ret || !strcmp(out, NO_OVERRIDE))
		out[0] = '\0';
	return ret;
}

int machine_read(struct machine *machine)
{
	int ret;

	*machine = (struct machine){ 0 };
	ret = vmbus_device_list(NULL, &machine->handles);
	if (ret < 0 && ret != -ENODEV)
		machine->fault = need_strdup(vmbus_error());
	if (!machine->handles)
		return ret;
	while (machine->handles[machine->count])
		machine->count++;
	machine->devices = need(calloc(machine->count + 1, sizeof(*machine->devices)));
	for (size_t i = 0; i < machine->count; i++)
		device_read(&machine->devices[i], machine->handles[i]);
	return 0;
}

void machine_free(struct machine *machine)
{
	for (size_t i = 0; i < machine->count; i++)
		device_clear(&machine->devices[i]);
	free(machine->devices);
	free(machine->fault);
	vmbus_device_list_free(machine->handles);
	*machine = (struct machine){ 0 };
}
