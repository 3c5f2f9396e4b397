// SPDX-License-Identifier: GPL-2.0-only
/*
 * 5.10, stable 5.4.103: 2efc459d06f1 "sysfs: Add sysfs_emit and sysfs_emit_at"
 */
#include <linux/sysfs.h>

int probe(char *buf);
int probe(char *buf)
{
	return sysfs_emit_at(buf, sysfs_emit(buf, "a\n"), "b\n");
}
