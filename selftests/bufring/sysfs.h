/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A sysfs that consists of plain files, with devices that are also plain files
 */
#ifndef SYSFS_H
#define SYSFS_H

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "model.h"

#define FCOPY "34d14be3-dee4-41c8-9ae7-6b174977c192"
#define DEV1  "eb765408-105f-49b6-b4aa-c123b64d17d4"

/* The directory with sysfs and /dev, which sysfs_make() creates */
static char base[] = "/tmp/vmbus-devices-XXXXXX";

/*
 * Return the path of a file in this directory. A later call may overwrite it,
 * but the next one does not.
 */
static inline char *__attribute__((format(printf, 1, 2))) path_of(const char *fmt, ...)
{
	static char paths[2][512];
	static unsigned int count;
	char *path = paths[count++ % 2];
	int n = snprintf(path, sizeof(paths[0]), "%s/", base);
	va_list args;

	va_start(args, fmt);
	vsnprintf(path + n, sizeof(paths[0]) - n, fmt, args);
	va_end(args);
	return path;
}

/* Write a file, and make its directories. */
static inline void write_file(const char *text, char *path)
{
	int fd;

	for (char *slash = path + sizeof(base); (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	MUST(fd >= 0);
	MUST(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* Write a file whose path is a format with its arguments. */
#define put(text, ...) write_file(text, path_of(__VA_ARGS__))

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

#define SYS "sys/bus/vmbus/devices/"

static inline void device(const char *instance, const char *class)
{
	char text[64];

	snprintf(text, sizeof(text), "{%s}\n", instance);
	put(text, SYS "%s/device_id", instance);
	snprintf(text, sizeof(text), "{%s}\n", class);
	put(text, SYS "%s/class_id", instance);
	put("7\n", SYS "%s/id", instance);
}

static inline void add_map(const char *instance, int uio, int map, const char *name,
			   const char *size)
{
	put(name, SYS "%s/uio/uio%d/maps/map%d/name", instance, uio, map);
	put(size, SYS "%s/uio/uio%d/maps/map%d/size", instance, uio, map);
	put("0x0\n", SYS "%s/uio/uio%d/maps/map%d/offset", instance, uio, map);
}

/* Bind a device to a driver, or unbind it if @driver is NULL. */
static inline void set_driver(const char *instance, const char *driver)
{
	char target[64];

	unlink(path_of(SYS "%s/driver", instance));
	if (!driver)
		return;
	snprintf(target, sizeof(target), "../../drivers/%s", driver);
	MUST(!symlink(target, path_of(SYS "%s/driver", instance)));
}

/*
 * Make a UIO device: its maps, and a plain file of @pages pages for /dev/uioN.
 */
static inline void bind_uio(const char *instance, int uio, size_t ring, size_t pages)
{
	char text[64];

	snprintf(text, sizeof(text), "0x%zx\n", 2 * ring);
	add_map(instance, uio, 0, "txrx_rings\n", text);
	add_map(instance, uio, 1, "int_page\n", "0x1000\n");
	add_map(instance, uio, 2, "monitor_page\n", "0x1000\n");
	put("", "dev/uio%d", uio);
	MUST(!truncate(path_of("dev/uio%d", uio), pages * getpagesize()));
	put("", "sys/bus/vmbus/drivers/uio_hv_generic/new_id");
	set_driver(instance, "uio_hv_generic");
}

/* Map the rings of a device, of @size bytes each, from its file at @path. */
static inline void map_rings(const char *path, size_t size, struct ring *to_host,
			     struct ring *to_guest)
{
	const int page = getpagesize(), fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned char *rings;

	MUST(fd >= 0);
	rings = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(rings != MAP_FAILED);
	close(fd);
	*to_host = (struct ring){ rings, size, rings + page, size - page };
	rings += size;
	*to_guest = (struct ring){ rings, size, rings + page, size - page };
}

static inline void remove_tree(void)
{
	nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/*
 * Make an empty directory, and let the library use it. It is removed at the end
 * of the test.
 */
static inline void sysfs_make(void)
{
	static bool made;

	if (!made) {
		MUST(mkdtemp(base));
		atexit(remove_tree);
		made = true;
	}
	remove_tree();
	mkdir(base, 0755);
	setenv("VMBUS_SYSROOT", base, 1);
}

#endif /* SYSFS_H */
