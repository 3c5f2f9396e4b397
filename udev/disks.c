// SPDX-License-Identifier: GPL-2.0-only
/*
 * Find out whether a disk is mounted, used as swap, or held by device mapper,
 * md or bcache.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "machine.h"

static bool is_node(const char *path, dev_t number)
{
	struct stat st;

	return path[0] == '/' && !stat(path, &st) && S_ISBLK(st.st_mode) && st.st_rdev == number;
}

/*
 * Return 1 with the mount point in @where, 0 if the disk is not mounted, or
 * -errno.
 */
static int is_mounted(dev_t number, char where[PATH_MAX])
{
	unsigned int major_no, minor_no;
	char *line = NULL, *rest;
	char source[PATH_MAX];
	size_t size = 0;
	int found = 0;
	FILE *file;

	file = open_rooted("/proc/self/mountinfo");
	if (!file)
		return -errno;
	while (!found && getline(&line, &size, file) > 0) {
		if (sscanf(line, "%*d %*d %u:%u %*s %4095s", &major_no, &minor_no, where) != 3)
			continue;
		rest = strstr(line, " - ");
		/*
		 * btrfs shows a device number of its own, so compare the
		 * source, too.
		 */
		found = makedev(major_no, minor_no) == number ||
			(rest && sscanf(rest, " - %*s %4095s", source) == 1 &&
			 is_node(source, number));
	}
	if (!found && ferror(file))
		found = -EIO;
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

	file = open_rooted("/proc/swaps");
	if (!file)
		return errno == ENOENT ? 0 : -errno; /* a kernel without swap */
	while (!found && getline(&line, &size, file) > 0)
		found = sscanf(line, "%4095s", path) == 1 && is_node(path, number);
	free(line);
	fclose(file);
	return found;
}

/*
 * Return 1 with the reason in @why if something holds the disk, 0 if nothing
 * does, or -errno.
 */
static int is_held(const char *folder, const char *name, char why[REASON_SIZE])
{
	struct dirent *entry;
	char path[PATH_MAX];
	DIR *dir;

	if (snprintf(path, sizeof(path), "%s/holders", folder) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir)) && entry->d_name[0] == '.')
		;
	if (entry)
		snprintf(why, REASON_SIZE, "disk %.32s is held by %.64s", name, entry->d_name);
	closedir(dir);
	return entry ? 1 : 0;
}

int disk_in_use(const char *folder, const char *name, dev_t *number, char why[REASON_SIZE])
{
	unsigned int major_no, minor_no;
	char path[PATH_MAX], where[PATH_MAX];
	FILE *file;
	int ret;

	why[0] = '\0';
	if (snprintf(path, sizeof(path), "%s/dev", folder) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	file = fopen(path, "re");
	if (!file)
		return -errno;
	ret = fscanf(file, "%u:%u", &major_no, &minor_no) == 2 ? 0 : -EPROTO;
	fclose(file);
	if (ret)
		return ret;
	*number = makedev(major_no, minor_no);

	ret = is_held(folder, name, why);
	if (ret)
		return ret < 0 ? ret : 0;
	ret = is_mounted(*number, where);
	if (ret > 0)
		snprintf(why, REASON_SIZE, "disk %.32s is mounted on %.128s", name, where);
	if (ret)
		return ret < 0 ? ret : 0;
	ret = is_swap(*number);
	if (ret > 0)
		snprintf(why, REASON_SIZE, "disk %.32s is used as swap", name);
	return ret < 0 ? ret : 0;
}
