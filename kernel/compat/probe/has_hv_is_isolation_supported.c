// SPDX-License-Identifier: GPL-2.0-only
/* 5.12 (x86), 5.16 (all): this function detects a confidential VM. */
#include <linux/hyperv.h>
#include <asm/mshyperv.h>

bool probe(void);
bool probe(void)
{
	return hv_is_isolation_supported();
}
