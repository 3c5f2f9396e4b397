/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FCOPY_STATUS_H
#define FCOPY_STATUS_H

#include <stdint.h>

/*
 * What went wrong, as errno inside the daemon and as an HRESULT to the host, which shows the text
 * of the Win32 code in it. These errnos have a meaning of their own here:
 *   EILSEQ   a name or path that is not acceptable
 *   EXDEV    a place that belongs to the kernel: /proc, /sys, /dev
 *   ELOOP    a symbolic link that is not followed
 *   ESHUTDOWN, EKEYREJECTED, EMSGSIZE, ENOBUFS   against the policy: no copies at all, not there, not
 *            so large, not with so little room left
 *   EBADMSG  COMPLETE came before all the data
 *   EBADFD   WRITE or COMPLETE without a copy
 *   ECANCELED given up by the host, or this daemon was told to stop
 *   ETIMEDOUT the host sent nothing of a copy for too long
 *   ENOTCONN no version agreed with the host
 */

/** status_from_errno() - the host's code for 0 or -errno; VMBUS_E_FAIL where there is no better */
uint32_t status_from_errno(int error);

/** status_reason() - 0 or -errno in words, for the log */
const char *status_reason(int error);

#endif
