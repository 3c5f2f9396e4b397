// SPDX-License-Identifier: GPL-2.0-only
/*
 * 6.9, and stable: the GPADL says whether its memory is still visible to the
 * host
 */
#include <linux/hyperv.h>

bool probe(struct vmbus_gpadl *gpadl);
bool probe(struct vmbus_gpadl *gpadl)
{
	return gpadl->decrypted;
}
