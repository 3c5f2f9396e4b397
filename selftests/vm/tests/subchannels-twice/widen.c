// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extend two moments of the next rescind: VMBus has found the channel and holds
 * channel_mutex, and VMBus has let the channel's callback end but has not
 * marked it yet. The first moment lasts until the guest's script is about to
 * close the device, and a second more.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>

/*
 * The guest's script reads this: 0 before, 1 and 2 in the two moments, 3 after
 * them.
 */
static int held;
module_param(held, int, 0444);
static int closing;
module_param(closing, int, 0644);

/* The longest wait for the script. The kernel complains after 20 s. */
#define LIMIT_MS 15000

static struct task_struct *rescinding;

/*
 * Whether the probe was hit outside interrupts. The breakpoint of a kernel
 * without the function tracer counts as one itself.
 */
static bool in_process(void)
{
	return hardirq_count() <= (in_nmi() ? HARDIRQ_OFFSET : 0) && !in_serving_softirq();
}

/* A kprobe's handler may not sleep. */
static void spin(int ms)
{
	while (ms--)
		mdelay(1);
}

static int found(struct kprobe *probe, struct pt_regs *regs)
{
	int ms;

	if (in_process() && (current->flags & PF_WQ_WORKER) &&
	    !cmpxchg(&rescinding, NULL, current)) {
		WRITE_ONCE(held, 1);
		for (ms = 0; ms < LIMIT_MS && !READ_ONCE(closing); ms++)
			mdelay(1);
		spin(1000);
	}
	return 0;
}

static int callback_ended(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	if (current == READ_ONCE(rescinding) && cmpxchg(&held, 1, 2) == 1) {
		spin(1000);
		WRITE_ONCE(held, 3);
	}
	return 0;
}

static struct kprobe probe = { .symbol_name = "relid2channel", .pre_handler = found };
static struct kretprobe end = {
	.kp.symbol_name = "vmbus_reset_channel_cb",
	.handler = callback_ended,
	.maxactive = 16,
};

static int __init widen_init(void)
{
	int ret = register_kprobe(&probe);

	if (ret)
		return ret;
	ret = register_kretprobe(&end);
	if (ret)
		unregister_kprobe(&probe);
	return ret;
}

static void __exit widen_exit(void)
{
	unregister_kretprobe(&end);
	unregister_kprobe(&probe);
}

module_init(widen_init);
module_exit(widen_exit);
MODULE_DESCRIPTION("Makes two moments of a rescind longer");
MODULE_LICENSE("GPL");
