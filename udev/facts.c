// SPDX-License-Identifier: GPL-2.0-only
#include "facts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "defer.h"
#include "kernel.h"
#include "machine.h"

/*
 * Read the first line of a file of sysfs. @text is "" if the file cannot be
 * read or the line is too long.
 */
static void read_line(const char *folder, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];
	FILE *file;

	text[0] = '\0';
	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return;
	file = fopen(path, "re");
	if (!file)
		return;
	if (!fgets(text, size, file) || (strlen(text) == size - 1 && text[size - 2] != '\n'))
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	fclose(file);
}

static bool has_name(const struct stack *stack, const char *name)
{
	for (size_t i = 0; i < stack->count; i++)
		if (!strcmp(stack->names[i], name))
			return true;
	return false;
}

static int add_to_stack(struct stack *stack, const char *name)
{
	char (*added)[INTERFACE_SIZE];

	if (has_name(stack, name))
		return 0;
	if (strlen(name) >= INTERFACE_SIZE)
		return -ENAMETOOLONG;
	added = machine_grow(&stack->names, &stack->count, sizeof(*added));
	if (!added)
		return -ENOMEM;
	strcpy(*added, name);
	return 0;
}

/* Add the interfaces directly on top of @name. Return 0 or -errno. */
static int add_uppers(struct stack *stack, const char *name)
{
	struct dirent *entry;
	char path[PATH_MAX];
	int ret = 0;
	DIR *dir;

	if (snprintf(path, sizeof(path), "%s/sys/class/net/%s", vmbus_sysroot(), name) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!ret && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "upper_", 6))
			ret = add_to_stack(stack, entry->d_name + 6);
	closedir(dir);
	return ret;
}

/* Add @name and everything on top of it. Return 0 or -errno. */
static int read_stack(struct stack *stack, const char *name)
{
	char current[INTERFACE_SIZE];
	int ret = add_to_stack(stack, name);

	for (size_t i = 0; !ret && i < stack->count; i++) {
		memcpy(current, stack->names[i], sizeof(current));
		ret = add_uppers(stack, current);
	}
	return ret;
}

/*
 * Return whether udev has named an interface. udev writes its file about the
 * interface after it has named it.
 */
static bool is_named(const char *ifindex)
{
	char path[PATH_MAX];

	return *ifindex &&
	       snprintf(path, sizeof(path), "%s/run/udev/data/n%s", vmbus_sysroot(), ifindex) <
		       (int)sizeof(path) &&
	       !access(path, F_OK);
}

/* Add an interface; @folder is its directory in sysfs. Return 0 or -errno. */
static int add_interface(struct facts *facts, const struct routes *routes, const char *folder,
			 const char *name, int device)
{
	struct stack stack = { 0 };
	struct interface *more;
	char ifindex[16], mac[MAC_SIZE + 1];
	int ret;

	for (size_t i = 0; i < facts->interface_count; i++)
		if (!strcmp(facts->interfaces[i].name, name))
			return 0;
	if (strlen(name) >= INTERFACE_SIZE)
		return -ENAMETOOLONG;
	more = reallocarray(facts->interfaces, facts->interface_count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	facts->interfaces = more;
	more += facts->interface_count++;
	*more = (struct interface){ .device = device };
	strcpy(more->name, name);
	/*
	 * Other kinds of network have longer addresses, which no rule can name.
	 */
	read_line(folder, "address", mac, sizeof(mac));
	if (strlen(mac) == MAC_SIZE - 1)
		strcpy(more->mac, mac);
	read_line(folder, "ifindex", ifindex, sizeof(ifindex));
	more->is_named = is_named(ifindex);
	ret = read_stack(&stack, name);
	if (!ret)
		routes_judge(routes, &stack, more);
	free(stack.names);
	return ret;
}

static bool is_partition(const char *folder)
{
	char path[PATH_MAX];

	/*
	 * If the path is too long, assume a partition: disk_in_use() then
	 * reports the error.
	 */
	return snprintf(path, sizeof(path), "%s/partition", folder) >= (int)sizeof(path) ||
	       !access(path, F_OK);
}

/*
 * Return whether the directory is a block device. A namespace of an NVMe
 * controller is in the controller's directory, not in one named block.
 */
static bool is_block_device(const char *folder)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t len;

	if (snprintf(path, sizeof(path), "%s/subsystem", folder) >= (int)sizeof(path))
		return true;
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return false;
	target[len] = 0;
	return !strcmp(target + (strrchr(target, '/') ? strrchr(target, '/') + 1 - target : 0),
		       "block");
}

static void add_disk(struct facts *facts, int index, const char *folder, const char *name)
{
	struct device *device = &facts->devices[index];
	char why[REASON_SIZE];
	struct disk *disk;
	dev_t number;
	int ret;

	ret = disk_in_use(folder, name, &number, why);
	if (!ret && !why[0]) {
		disk = machine_grow(&facts->disks, &facts->disk_count, sizeof(*disk));
		if (!disk)
			ret = -ENOMEM;
		else if (snprintf(disk->name, sizeof(disk->name), "%s", name) >=
			 (int)sizeof(disk->name))
			ret = -ENAMETOOLONG;
		if (disk) {
			disk->device = index;
			disk->number = number;
		}
	}
	if (ret && !device->disk_error)
		device->disk_error = ret;
	if (!device->disk[0])
		strcpy(device->disk, why);
}

void facts_claim_disks(struct facts *facts, size_t index)
{
	struct device *device = &facts->devices[index];
	int ret;

	for (size_t i = 0; i < facts->disk_count; i++) {
		const struct disk *disk = &facts->disks[i];

		if (disk->device != index || device->disk[0])
			continue;
		ret = kernel_claim(disk->name, disk->number);
		if (ret == -EBUSY)
			snprintf(device->disk, sizeof(device->disk),
				 "disk %s is claimed by a file system, a volume or a program",
				 disk->name);
		/* A drive without a medium holds nothing. */
		else if (ret && ret != -ENOMEDIUM && !device->disk_error)
			device->disk_error = ret;
	}
}

bool facts_is_below(const char *lower, const char *upper)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/sys/class/net/%s/upper_%s", vmbus_sysroot(), lower,
			upper) < (int)sizeof(path) &&
	       !faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

/*
 * Find the interfaces and disks below a device, which may be behind a PCI
 * bridge. Return 0, -ENODEV when the device is gone, or -errno.
 */
static int look_below(struct facts *facts, const struct routes *routes, const char *sysfs,
		      int index)
{
	struct device *device = &facts->devices[index];
	char dir[PATH_MAX];
	char *roots[] = { dir, NULL };
	const char *parent;
	int ret = 0;
	FTSENT *e;
	FTS *fts;

	if (!realpath(sysfs, dir))
		return errno == ENOENT ? -ENODEV : -errno;
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!fts)
		return -errno;
	while (!ret && (e = fts_read(fts))) {
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR) {
			/*
			 * Something that disappears during the walk is not in
			 * use.
			 */
			if (e->fts_errno != ENOENT && !device->disk_error)
				device->disk_error = -e->fts_errno;
			continue;
		}
		if (e->fts_info != FTS_D || e->fts_level == 0)
			continue;
		parent = e->fts_parent->fts_name;
		if (!strcmp(parent, "net"))
			ret = add_interface(facts, routes, e->fts_path, e->fts_name, index);
		else if (!strcmp(parent, "block"))
			add_disk(facts, index, e->fts_path, e->fts_name);
		else if (e->fts_level > 1 &&
			 !strcmp(e->fts_parent->fts_parent->fts_name, "block") &&
			 is_partition(e->fts_path))
			add_disk(facts, index, e->fts_path, e->fts_name);
		else if (is_block_device(e->fts_path))
			add_disk(facts, index, e->fts_path, e->fts_name);
	}
	fts_close(fts);
	return ret;
}

/*
 * Add the NICs on other buses. They have a device in sysfs; bridges and tunnels
 * have none.
 */
static int add_other_interfaces(struct facts *facts, const struct routes *routes)
{
	char path[PATH_MAX], folder[PATH_MAX];
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	if (snprintf(path, sizeof(path), "%s/sys/class/net", vmbus_sysroot()) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!ret && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(folder, sizeof(folder), "%s/%s/device", path, entry->d_name) >=
		    (int)sizeof(folder))
			ret = -ENAMETOOLONG;
		else if (!access(folder, F_OK)) {
			*strrchr(folder, '/') = '\0';
			ret = add_interface(facts, routes, folder, entry->d_name, -1);
		}
	}
	closedir(dir);
	return ret;
}

static int add_device(struct facts *facts, const struct vmbus_device *dev)
{
	struct device *device = &facts->devices[facts->device_count];
	const char *driver = vmbus_device_driver(dev);

	*device = (struct device){ .class_name = vmbus_device_class_name(dev) };
	strcpy(device->instance, vmbus_device_instance(dev));
	strcpy(device->class_id, vmbus_device_class(dev));
	if (driver)
		snprintf(device->driver, sizeof(device->driver), "%s", driver);
	device->record_error = state_read(device->instance, &device->record);
	device->left_alone = defer_reason(device->instance, OCCASION_REVIEW);
	return facts->device_count++;
}

/*
 * Return the name of the kernel driver behind an interface of a device, or "".
 */
static const char *interface_driver(const struct facts *facts, int device)
{
	const char *class = device < 0 ? NULL : facts->devices[device].class_name;

	return class && !strcmp(class, "nic") ? "hv_netvsc" : "";
}

static void find_configuration(struct facts *facts)
{
	struct netconfig *net = netconfig_read();

	for (size_t i = 0; i < facts->interface_count; i++) {
		struct interface *interface = &facts->interfaces[i];
		const struct record *record = interface->device < 0 ? NULL :
					      &facts->devices[interface->device].record;
		const char *name = interface->is_named ? interface->name :
				   record && !strcmp(record->mac, interface->mac) ? record->interface : "";

		netconfig_find(net, name, interface->mac,
			       interface_driver(facts, interface->device),
			       interface->brought_up_by);
	}
	for (size_t i = 0; i < facts->device_count; i++) {
		struct device *device = &facts->devices[i];

		if (!facts_interface(facts, i) && device->record.mac[0])
			netconfig_find(net, device->record.interface, device->record.mac,
				       interface_driver(facts, i), device->brought_up_by);
	}
	netconfig_free(net);
}

int facts_read(struct facts *facts)
{
	struct vmbus_device **list;
	struct routes routes;
	size_t count = 0;
	int ret, index;

	*facts = (struct facts){ 0 };
	ret = vmbus_devices_list(NULL, &list);
	if (!list)
		return ret;
	if (ret < 0)
		facts->device_error = ret;
	while (list[count])
		count++;
	facts->devices = calloc(count + 1, sizeof(*facts->devices));
	if (!facts->devices) {
		vmbus_devices_free(list);
		return -ENOMEM;
	}
	facts->route_error = routes_read(&routes);
	if (facts->route_error)
		snprintf(facts->route_source, sizeof(facts->route_source), "%s%s", vmbus_sysroot(),
			 routes.unreadable);
	routes_find_fstab(facts->network_mount);
	ret = 0;
	for (size_t i = 0; i < count && !ret; i++) {
		index = add_device(facts, list[i]);
		ret = look_below(facts, &routes, vmbus_device_sysfs(list[i]), index);
		if (ret == -ENODEV) {
			facts->device_count--;
			ret = 0;
		}
	}
	if (!ret)
		ret = add_other_interfaces(facts, &routes);
	if (!ret)
		find_configuration(facts);
	routes_free(&routes);
	vmbus_devices_free(list);
	return ret;
}

void facts_free(struct facts *facts)
{
	free(facts->devices);
	free(facts->interfaces);
	free(facts->disks);
	*facts = (struct facts){ 0 };
}

int facts_device(const struct facts *facts, const char *instance)
{
	for (size_t i = 0; i < facts->device_count; i++)
		if (!strcmp(facts->devices[i].instance, instance))
			return i;
	return -1;
}

const struct interface *facts_interface(const struct facts *facts, size_t device)
{
	for (size_t i = 0; i < facts->interface_count; i++)
		if (facts->interfaces[i].device == (int)device)
			return &facts->interfaces[i];
	return NULL;
}
