// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open every UIO device with libuio, map its maps, and wait for an interrupt of
 * the host. Exit status 0 or 1.
 */
#include <errno.h>
#include <libuio.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int failed;

__attribute__((format(printf, 2, 3))) static bool expect(bool good, const char *format, ...)
{
	va_list args;

	if (good)
		return true;
	failed = 1;
	va_start(args, format);
	printf("failed (%s): ", strerror(errno));
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	return false;
}

static void use(struct uio_info_t *info)
{
	struct timeval timeout = { .tv_sec = 30 };
	int maps = uio_get_maxmap(info), mapped = 0;

	expect(!strcmp(uio_get_name(info), "uio_hv_generic"), "name %s", uio_get_name(info));
	expect(maps == 3 || maps == 5, "%d maps", maps);
	expect(uio_get_map_index_by_name(info, "txrx_rings") == 0, "map txrx_rings");
	expect(uio_get_map_index_by_name(info, "int_page") == 1, "map int_page");
	expect(uio_get_map_index_by_name(info, "monitor_page") == 2, "map monitor_page");
	if (!expect(!uio_open(info), "open of %s", uio_get_devname(info)))
		return;
	for (int map = 0; map < maps; map++) {
		volatile unsigned char *mem = uio_get_mem_map(info, map);

		/* Read the first and the last byte, which may raise SIGBUS. */
		if (expect(mem, "map %d of %s", map, uio_get_devname(info)) &&
		    mem[0] + mem[uio_get_mem_size(info, map) - 1] >= 0)
			mapped++;
	}
	expect(!uio_enable_irq(info), "enabling interrupts");
	expect(!uio_irqwait_timeout(info, &timeout), "an interrupt of %s", uio_get_devname(info));
	expect(!uio_disable_irq(info), "disabling interrupts");
	expect(!uio_close(info), "close");
	printf("%s: %d maps\n", uio_get_devname(info), mapped);
}

int main(void)
{
	struct uio_info_t **list = uio_find_devices(),
			  *first = uio_find_by_uio_name("uio_hv_generic");
	int devices = 0;

	if (!expect(list && *list, "no devices"))
		return 1;
	expect(first && !strcmp(uio_get_devname(first), uio_get_devname(list[0])),
	       "the device by name is the first one");
	for (; *list; list++, devices++)
		use(*list);
	expect(devices == 2, "%d devices", devices);
	return failed;
}
