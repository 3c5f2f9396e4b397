/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HVUIO_COMPAT_VMBUS_CONNECTION_H
#define HVUIO_COMPAT_VMBUS_CONNECTION_H

#include <linux/completion.h>
#include <linux/hyperv.h>

#ifndef VERSION_WIN10_V5
#error "this kernel's VMBus is older than 5.0: struct vmbus_connection begins differently"
#endif

/*
 * What struct vmbus_connection begins with on kernels that speak VMBus 5.0. Its declaration is in a
 * header that no kernel package ships. Linux 5.8 removed connect_cpu and brought sched_lock in one
 * series, and RHEL 8.7 has both changes. hvuio_vmbus_check() proves that this layout fits.
 */
struct hvuio_vmbus_connection {
#ifndef HVUIO_CHANNEL_HAS_SCHED_LOCK
	int connect_cpu;
#endif
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

extern struct hvuio_vmbus_connection vmbus_connection;

#endif
