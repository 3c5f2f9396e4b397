// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>

#include "compat/vmbus_connection.h"
#include "hvuio.h"

static bool hvuio_is_hyp_page(void *page)
{
	return page && IS_ALIGNED((unsigned long)page, HV_HYP_PAGE_SIZE) && virt_addr_valid(page);
}

/* Whether a page of 4 KiB is alone in its system page, so that mapping it shows nothing else. */
static bool hvuio_is_alone(void *page)
{
	if (PAGE_SIZE > HV_HYP_PAGE_SIZE)
		return PAGE_ALIGNED(page) && !PageSlab(virt_to_head_page(page));
	return true;
}

int hvuio_vmbus_check(void)
{
	const struct hvuio_vmbus_connection *conn = &vmbus_connection;

	if (!conn->int_page && !conn->send_int_page && !conn->recv_int_page)
		return -ENODEV;
	if (!hvuio_is_hyp_page(conn->int_page) ||
	    conn->recv_int_page != conn->int_page ||
	    conn->send_int_page != conn->int_page + HV_HYP_PAGE_SIZE / 2 ||
	    !hvuio_is_hyp_page(conn->monitor_pages[0]) ||
	    !hvuio_is_hyp_page(conn->monitor_pages[1]) ||
	    conn->monitor_pages[0] == conn->monitor_pages[1]) {
		pr_err("struct vmbus_connection of this kernel is not laid out as expected, not loading\n");
		return -EINVAL;
	}
	if (!hvuio_is_alone(conn->int_page) || !hvuio_is_alone(conn->monitor_pages[1])) {
		pr_err("the interrupt or monitor page shares its %lu KiB page with other kernel memory, not loading\n",
		       PAGE_SIZE / 1024);
		return -EINVAL;
	}
	/* The core cleared only what it uses of it, and user space is shown all of it. */
	if (PAGE_SIZE > HV_HYP_PAGE_SIZE)
		memset(conn->monitor_pages[1] + HV_HYP_PAGE_SIZE, 0, PAGE_SIZE - HV_HYP_PAGE_SIZE);
	return 0;
}

/*
 * A device that the host does not offer again after a resume stays as it is, but without a relid: a
 * request for it would never be answered, and the core waits for answers without an end.
 */
bool hvuio_vmbus_is_offered(const struct vmbus_channel *channel)
{
	return READ_ONCE(channel->offermsg.child_relid) != U32_MAX;
}

void *hvuio_vmbus_int_page(void)
{
	return vmbus_connection.int_page;
}

/* The one that the guest writes and the host reads. */
void *hvuio_vmbus_monitor_page(void)
{
	return vmbus_connection.monitor_pages[1];
}
