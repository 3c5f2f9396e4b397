// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/module/gpadls/parameters/next is the handle of the next GPADL. VMBus
 * increments it before it sends the GPADL to the host.
 */
#include <linux/atomic.h>
#include <linux/module.h>
#include <linux/types.h>

/*
 * The first members of struct vmbus_connection in drivers/hv/hyperv_vmbus.h
 * since Linux 5.8
 */
extern struct {
	u32 msg_conn_id;
	atomic_t offer_in_progress;
	int conn_state;
	atomic_t next_gpadl_handle;
} vmbus_connection;

static int get_next(char *buffer, const struct kernel_param *parameter)
{
	return sprintf(buffer, "%d\n", atomic_read(&vmbus_connection.next_gpadl_handle));
}

static const struct kernel_param_ops next_ops = {
	.get = get_next,
};
module_param_cb(next, &next_ops, NULL, 0444);

static int __init gpadls_init(void)
{
	return 0;
}

static void __exit gpadls_exit(void)
{
}

module_init(gpadls_init);
module_exit(gpadls_exit);
MODULE_DESCRIPTION("The handle of the next GPADL");
MODULE_LICENSE("GPL");
