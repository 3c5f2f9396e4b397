// SPDX-License-Identifier: GPL-2.0-only
#include "link.h"

#include <ctype.h>
#include <fts.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <vmbus_bufring.h>

#include "file.h"

struct strings links_of(const char *uio)
{
	char *top = file_path("/dev/vmbus"), *roots[] = { top, NULL };
	struct strings links = { 0 };
	char *target;
	FTSENT *e;
	FTS *fts;

	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	while (fts && (e = fts_read(fts))) {
		const char *path = e->fts_path + strlen(vmbus_sysroot());

		if (e->fts_info != FTS_SL && e->fts_info != FTS_SLNONE)
			continue;
		target = file_link("%s", path);
		if (target && !strcmp(target, uio))
			strings_take(&links, need_strdup(path));
		free(target);
	}
	if (fts)
		fts_close(fts);
	free(top);
	strings_sort(&links);
	return links;
}

static bool is_uio(const char *name)
{
	if (strncmp(name, "uio", 3) || !name[3])
		return false;
	return strspn(name + 3, "0123456789") == strlen(name + 3);
}

char *link_resolve(const char *name)
{
	static const char *const folders[] = { "/dev", "/dev/vmbus" };
	const char *last = strrchr(name, '/');
	char *target;

	if (name[0] == '/') {
		target = file_link("%s", name);
		if (!target && !strncmp(name, "/dev/", 5) && is_uio(last + 1))
			target = need_strdup(last + 1);
		if (target && is_uio(target))
			return target;
		free(target);
		return NULL;
	}
	if (is_uio(name))
		return need_strdup(name);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		target = file_link("%s/%s", folders[i], name);
		if (target && is_uio(target))
			return target;
		free(target);
	}
	return NULL;
}
