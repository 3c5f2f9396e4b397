/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVUIO_COMPAT_VMBUS_CONNECTION_H
#define HVUIO_COMPAT_VMBUS_CONNECTION_H

#include <linux/completion.h>
#include <linux/hyperv.h>

#ifndef VERSION_WIN10_V5
#error "this kernel's VMBus is older than 5.0: struct vmbus_connection begins differently"
#endif

/*
 * These are the first members of struct vmbus_connection on kernels that
 * support VMBus 5.0. No kernel package contains the header that declares it.
 * Two layouts exist: before 5.8 the structure began with the processor that
 * made the contact, and stable kernels have since removed that member.
 * hvuio_vmbus_check() finds out which layout fits.
 */
struct hvuio_vmbus_connection {
	u32 msg_conn_id;
	atomic_t offer_in_progress;
	int conn_state;
	atomic_t next_gpadl_handle;
	struct completion unload_event;
	void *int_page;
	void *send_int_page;
	void *recv_int_page;
	void *monitor_pages[2];
};

struct hvuio_vmbus_connection_with_cpu {
	int connect_cpu;
	u32 msg_conn_id;
	atomic_t offer_in_progress;
	int conn_state;
	atomic_t next_gpadl_handle;
	struct completion unload_event;
	void *int_page;
	void *send_int_page;
	void *recv_int_page;
	void *monitor_pages[2];
};

extern union hvuio_any_vmbus_connection {
	struct hvuio_vmbus_connection plain;
	struct hvuio_vmbus_connection_with_cpu with_cpu;
} vmbus_connection;

#endif
