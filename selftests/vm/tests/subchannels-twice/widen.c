// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extend two moments of the next rescind: VMBus has found the channel and holds
 * channel_mutex, and VMBus has let the channel's callback end but has not
 * marked it yet.
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
static int first_ms = 2000;
module_param(first_ms, int, 0444);
static int second_ms = 1000;
module_param(second_ms, int, 0444);

static struct task_struct *rescinding;

/* A kprobe's handler may not sleep. */
static void spin(int ms)
{
	while (ms--)
		mdelay(1);
}

static int found(struct kprobe *probe, struct pt_regs *regs)
{
	if (in_task() && (current->flags & PF_WQ_WORKER) && !cmpxchg(&rescinding, NULL, current)) {
		WRITE_ONCE(held, 1);
		spin(first_ms);
	}
	return 0;
}

static int callback_ended(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	if (current == READ_ONCE(rescinding) && cmpxchg(&held, 1, 2) == 1) {
		spin(second_ms);
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
