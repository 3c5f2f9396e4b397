/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_HRESULT_H
#define FCOPY_HRESULT_H

#include <stdint.h>

#include "refusal.h"

/**
 * hresult_of() - return the code that the host gets for @refusal
 *
 * The code contains a Win32 code, and Windows shows the text of the Win32 code.
 * The result is VMBUS_S_OK for REFUSAL_NONE, and VMBUS_E_FAIL where no Win32
 * code fits.
 */
uint32_t hresult_of(enum refusal refusal);

#endif
