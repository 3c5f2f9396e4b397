// SPDX-License-Identifier: GPL-2.0-only
/*
 * This file reads VMBus's own structures, and writes to the channels of any
 * device. subchannel.c has the writes that concern rescinded sub-channels.
 */
#include <linux/atomic.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "compat/vmbus_connection.h"
#include "hvuio.h"

/* The members of struct vmbus_connection that the module uses. */
static struct hvuio_connection {
	void *int_page, *send_int_page, *recv_int_page;
	void *monitor_pages[2];
	const atomic_t *next_gpadl_handle;
} hvuio_connection;

/* Read the members. @layout is a pointer to either possible structure. */
#define HVUIO_CONNECTION(layout)                                                               \
	({                                                                                     \
		typeof(layout) conn_ = (layout);                                               \
		(struct hvuio_connection){                                                     \
			.int_page = conn_->int_page,                                           \
			.send_int_page = conn_->send_int_page,                                 \
			.recv_int_page = conn_->recv_int_page,                                 \
			.monitor_pages = { conn_->monitor_pages[0], conn_->monitor_pages[1] }, \
			.next_gpadl_handle = &conn_->next_gpadl_handle,                        \
		};                                                                             \
	})

static bool hvuio_is_hyp_page(void *page)
{
	return page && IS_ALIGNED((unsigned long)page, HV_HYP_PAGE_SIZE) && virt_addr_valid(page);
}

/* Whether the pointers relate to each other as VMBus sets them up. */
static bool hvuio_connection_fits(const struct hvuio_connection *conn)
{
	return hvuio_is_hyp_page(conn->int_page) && conn->recv_int_page == conn->int_page &&
	       conn->send_int_page == conn->int_page + HV_HYP_PAGE_SIZE / 2 &&
	       hvuio_is_hyp_page(conn->monitor_pages[0]) &&
	       hvuio_is_hyp_page(conn->monitor_pages[1]) &&
	       conn->monitor_pages[0] != conn->monitor_pages[1];
}

/*
 * Whether a page of 4 KiB is alone in its system page, so that a mapping of it
 * exposes nothing else.
 */
static bool hvuio_is_alone(void *page)
{
	if (PAGE_SIZE > HV_HYP_PAGE_SIZE)
		return PAGE_ALIGNED(page) && !PageSlab(virt_to_head_page(page));
	return true;
}

/*
 * Find VMBus's pages. Returns 0, -ENODEV if VMBus is not connected, or -EINVAL
 * with a message.
 */
int hvuio_vmbus_check(void)
{
	const struct hvuio_connection plain = HVUIO_CONNECTION(&vmbus_connection.plain);
	const struct hvuio_connection with_cpu = HVUIO_CONNECTION(&vmbus_connection.with_cpu);

	/*
	 * In either layout these members hold pointers that VMBus sets when it
	 * connects.
	 */
	if (!plain.send_int_page && !plain.recv_int_page)
		return -ENODEV;
	if (hvuio_connection_fits(&plain)) {
		hvuio_connection = plain;
	} else if (hvuio_connection_fits(&with_cpu)) {
		hvuio_connection = with_cpu;
	} else {
		pr_err("struct vmbus_connection of this kernel is not laid out as expected, not loading\n");
		return -EINVAL;
	}
	if (!hvuio_is_alone(hvuio_vmbus_int_page()) ||
	    !hvuio_is_alone(hvuio_vmbus_monitor_page())) {
		pr_err("the interrupt or monitor page shares its %lu KiB page with other kernel memory, not loading\n",
		       PAGE_SIZE / 1024);
		return -EINVAL;
	}
	/*
	 * VMBus has cleared only the part of the page that it uses, but user
	 * space sees the whole page.
	 */
	if (PAGE_SIZE > HV_HYP_PAGE_SIZE)
		memset(hvuio_vmbus_monitor_page() + HV_HYP_PAGE_SIZE, 0,
		       PAGE_SIZE - HV_HYP_PAGE_SIZE);
	return 0;
}

/*
 * Whether the host offers the device. A device that the host does not offer
 * again after a resume stays, but without a relid. The host would never answer
 * a request for it, and VMBus waits for answers without a limit.
 */
bool hvuio_vmbus_is_offered(const struct vmbus_channel *channel)
{
	return READ_ONCE(channel->offermsg.child_relid) != U32_MAX;
}

/* A value that no host gives to the padding of an offer. */
#define HVUIO_OFFER_MARK 0x6f697668

/*
 * Mark VMBus's copy of the offer of a primary channel before a suspend. VMBus
 * does not read the padding of an offer. When it resumes, it copies the host's
 * new offer if that differs from its copy, and so overwrites the mark.
 */
void hvuio_vmbus_mark_offer(struct vmbus_channel *channel)
{
	channel->offermsg.header.padding = HVUIO_OFFER_MARK;
}

/*
 * Remove the mark after a resume. Returns whether VMBus was suspended, so that
 * the host has forgotten all shared memory. If a suspend is cancelled before it
 * reaches VMBus, the kernel resumes the devices nevertheless.
 */
bool hvuio_vmbus_unmark_offer(struct vmbus_channel *channel)
{
	bool marked = channel->offermsg.header.padding == HVUIO_OFFER_MARK;

	if (marked)
		channel->offermsg.header.padding = 0;
	return !marked || !hvuio_vmbus_is_offered(channel);
}

/*
 * Rename the directory of a primary channel, channels/RELID, to the current
 * relid of the channel. VMBus names the directory once, but a channel can get
 * another relid when the VM hibernates. A sub-channel can then get the old
 * relid. If a directory with this name still exists, VMBus frees the
 * sub-channel and goes on using it. Returns 0 or -errno.
 */
int hvuio_vmbus_name_folder(struct vmbus_channel *channel)
{
	char name[sizeof("4294967295")];

	/*
	 * VMBus has not finished the directory, and will name it after this
	 * relid.
	 */
	if (!smp_load_acquire(&channel->probe_done))
		return 0;
	snprintf(name, sizeof(name), "%u", READ_ONCE(channel->offermsg.child_relid));
	if (!strcmp(kobject_name(&channel->kobj), name))
		return 0;
	return kobject_rename(&channel->kobj, name);
}

/*
 * Return how many GPADL handles VMBus has allocated, for any channel. An
 * opening allocates a handle before it does anything else.
 */
int hvuio_vmbus_gpadl_handles(void)
{
	return atomic_read(hvuio_connection.next_gpadl_handle);
}

void *hvuio_vmbus_int_page(void)
{
	return hvuio_connection.int_page;
}

/* Return the page that the guest writes and the host reads. */
void *hvuio_vmbus_monitor_page(void)
{
	return hvuio_connection.monitor_pages[1];
}

/*
 * Prepare a primary channel for this module, and clear the callbacks that a
 * former driver may have left. Without a rescind callback VMBus unregisters a
 * rescinded device by itself, which ends in hvuio_remove(). VMBus itself clears
 * neither callback.
 */
void hvuio_vmbus_claim(struct vmbus_channel *channel)
{
	vmbus_set_chn_rescind_callback(channel, NULL);
#ifdef HVUIO_CHANNEL_HAS_CHANGE_TARGET_CPU_CALLBACK
	channel->change_target_cpu_callback = NULL;
#endif
	set_channel_read_mode(channel, HV_CALL_ISR);
}

/* Restore the channel as VMBus offered it, for the next driver. */
void hvuio_vmbus_release(struct vmbus_channel *channel)
{
	vmbus_set_sc_create_callback(channel, NULL);
	set_channel_read_mode(channel, HV_CALL_BATCHED);
}

/* Put the rings into the channel while VMBus opens it. */
void hvuio_vmbus_set_ring(struct vmbus_channel *channel, const struct hvuio_ring *ring)
{
	channel->ringbuffer_page = ring->pages;
	channel->ringbuffer_pagecount = ring->nr_pages;
	channel->ringbuffer_send_offset = ring->nr_pages / 2;
}

/* Remove the rings from the channel, so that VMBus does not free them. */
void hvuio_vmbus_clear_ring(struct vmbus_channel *channel)
{
	channel->ringbuffer_page = NULL;
}

/*
 * Clear the callback of a channel, and wait until it no longer runs. A failed
 * open leaves the callback in the channel, which may outlive the device.
 */
void hvuio_vmbus_clear_callback(struct vmbus_channel *channel)
{
#ifdef HVUIO_CHANNEL_HAS_SCHED_LOCK
	unsigned long flags;

	spin_lock_irqsave(&channel->sched_lock, flags);
	channel->onchannel_callback = NULL;
	spin_unlock_irqrestore(&channel->sched_lock, flags);
#else
	WRITE_ONCE(channel->onchannel_callback, NULL);
	/* VMBus calls it under RCU. */
	synchronize_rcu();
#endif
}
