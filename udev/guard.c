// SPDX-License-Identifier: GPL-2.0-only
#include "guard.h"

#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* A stack of bonds, bridges and VLANs higher than this is not followed further. */
#define MAX_STACK 8

static FILE *open_proc(const char *name)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/proc/%s", vmbus_sysroot(), name) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return fopen(path, "re");
}

/* 1, 0 or -errno */
static int has_default_route(const char *ifname)
{
	char name[IF_NAMESIZE], dst[33], mask[33];
	unsigned int flags, plen;
	char *line = NULL;
	size_t size = 0;
	int found = 0;
	FILE *file;

	file = open_proc("net/route");
	if (!file)
		return -errno;
	while (!found && getline(&line, &size, file) > 0)
		found = sscanf(line, "%15s %32s %*s %x %*s %*s %*s %32s", name, dst, &flags, mask) == 4 &&
			!strcmp(name, ifname) && !strcmp(dst, "00000000") &&
			!strcmp(mask, "00000000");
	fclose(file);

	file = found ? NULL : open_proc("net/ipv6_route");
	if (file) {
		while (!found && getline(&line, &size, file) > 0)
			found = sscanf(line, "%32s %x %*s %*s %*s %*s %*s %*s %*s %15s", dst, &plen,
				       name) == 3 &&
				!strcmp(name, ifname) && !plen && strspn(dst, "0") == 32;
		fclose(file);
	}
	free(line);
	return found;
}

static int check_interface(const char *name, int height, char *why, size_t size)
{
	struct dirent *entry;
	char path[PATH_MAX];
	DIR *dir;
	int ret;

	ret = has_default_route(name);
	if (ret > 0)
		snprintf(why, size, "interface %s has the default route", name);
	if (ret || height == MAX_STACK)
		return ret;
	if (snprintf(path, sizeof(path), "%s/sys/class/net/%s", vmbus_sysroot(), name) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!ret && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "upper_", 6))
			ret = check_interface(entry->d_name + 6, height + 1, why, size);
	closedir(dir);
	return ret;
}

static bool is_node(const char *path, dev_t number)
{
	struct stat st;

	return path[0] == '/' && !stat(path, &st) && S_ISBLK(st.st_mode) && st.st_rdev == number;
}

/* btrfs shows a number of its own in mountinfo, hence the look at the source too. */
static int is_mounted(dev_t number)
{
	unsigned int major_no, minor_no;
	char *line = NULL, *rest;
	char source[PATH_MAX];
	size_t size = 0;
	int found = 0;
	FILE *file;

	file = open_proc("self/mountinfo");
	if (!file)
		return -errno;
	while (!found && getline(&line, &size, file) > 0) {
		if (sscanf(line, "%*d %*d %u:%u", &major_no, &minor_no) != 2)
			continue;
		rest = strstr(line, " - ");
		found = makedev(major_no, minor_no) == number ||
			(rest && sscanf(rest, " - %*s %4095s", source) == 1 && is_node(source, number));
	}
	free(line);
	fclose(file);
	return found;
}

static int is_swap(dev_t number)
{
	char path[PATH_MAX];
	char *line = NULL;
	size_t size = 0;
	int found = 0;
	FILE *file;

	file = open_proc("swaps");
	if (!file)
		return errno == ENOENT ? 0 : -errno; /* a kernel without swap */
	while (!found && getline(&line, &size, file) > 0)
		found = sscanf(line, "%4095s", path) == 1 && is_node(path, number);
	free(line);
	fclose(file);
	return found;
}

/* Read an attribute in a folder below the device's own. */
static int read_below(const struct vmbus_device *dev, const char *below, const char *name, char *text,
		      size_t size)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", below, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return vmbus_device_attribute(dev, path, text, size);
}

/* below: the sysfs folder of a disk or partition, as a path below the device's */
static int check_disk(const struct vmbus_device *dev, const char *below, const char *name, char *why,
		      size_t size)
{
	unsigned int major_no, minor_no;
	struct dirent *entry;
	char path[PATH_MAX];
	char text[32];
	DIR *holders;
	dev_t number;
	int ret;

	ret = read_below(dev, below, "dev", text, sizeof(text));
	if (ret)
		return ret;
	if (sscanf(text, "%u:%u", &major_no, &minor_no) != 2)
		return -EPROTO;
	number = makedev(major_no, minor_no);

	if (snprintf(path, sizeof(path), "%s/%s/holders", vmbus_device_sysfs(dev), below) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	holders = opendir(path);
	if (holders) {
		while ((entry = readdir(holders)) && entry->d_name[0] == '.')
			;
		if (entry)
			snprintf(why, size, "disk %s is held by %s", name, entry->d_name);
		closedir(holders);
		if (entry)
			return 1;
	} else if (errno != ENOENT) {
		return -errno;
	}

	ret = is_mounted(number);
	if (ret) {
		snprintf(why, size, "disk %s is mounted", name);
		return ret;
	}
	ret = is_swap(number);
	if (ret)
		snprintf(why, size, "disk %s is used as swap", name);
	return ret;
}

/* As check_disk(), of a folder in that of a disk: a partition or something else */
static int check_partition(const struct vmbus_device *dev, const char *below, const char *name, char *why,
			   size_t size)
{
	char number[32];
	int ret = read_below(dev, below, "partition", number, sizeof(number));

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	return check_disk(dev, below, name, why, size);
}

bool guard_is_class(const struct vmbus_device *dev)
{
	/* pcie: adapters and disks that are passed through */
	static const char *const names[] = { "nic", "scsi", "ide", "fc", "pcie" };
	const char *name = vmbus_device_class_name(dev);

	for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

int guard_check(const struct vmbus_device *dev, char *why, size_t size)
{
	char dir[PATH_MAX];
	char *roots[] = { dir, NULL };
	const char *parent, *below;
	int ret = 0;
	FTSENT *e;
	FTS *fts;

	if (!realpath(vmbus_device_sysfs(dev), dir))
		return errno == ENOENT ? -ENODEV : -errno;
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!fts)
		return -errno;
	while (!ret && (e = fts_read(fts))) {
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR) {
			ret = -e->fts_errno;
			break;
		}
		if (e->fts_info != FTS_D || e->fts_level == 0)
			continue;
		parent = e->fts_parent->fts_name;
		below = e->fts_path + strlen(dir) + 1;
		if (!strcmp(parent, "net")) {
			ret = check_interface(e->fts_name, 0, why, size);
		} else if (!strcmp(parent, "block")) {
			ret = check_disk(dev, below, e->fts_name, why, size);
		} else if (e->fts_level > 1 && !strcmp(e->fts_parent->fts_parent->fts_name, "block")) {
			ret = check_partition(dev, below, e->fts_name, why, size);
		}
	}
	fts_close(fts);
	return ret;
}
