// SPDX-License-Identifier: GPL-2.0-only
/*
 * Count the calls of up to four kernel functions by kernel workers, and add up
 * the time of each function.
 */
#include <linux/kprobes.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#define MOST 4

static char *at[MOST];
static int nr;
module_param_array(at, charp, &nr, 0444);
MODULE_PARM_DESC(at, "the functions");
static unsigned int calls[MOST];
module_param_array(calls, uint, NULL, 0644);
static unsigned int us[MOST];
module_param_array(us, uint, NULL, 0644);

static struct kretprobe probes[MOST];

/*
 * This runs in a kprobe's handler, where the interrupted code may hold the lock
 * of the usual clock.
 */
static u64 now(void)
{
	return ktime_get_mono_fast_ns();
}

static int begins(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	*(u64 *)instance->data = now();
	return !(current->flags & PF_WQ_WORKER);
}

static void count(int index, u64 began)
{
	/* Only one worker at a time reaches each function. */
	calls[index]++;
	us[index] += div_u64(now() - began, 1000);
}

#define ENDS(index)                                                                        \
	static int ends_##index(struct kretprobe_instance *instance, struct pt_regs *regs) \
	{                                                                                  \
		count(index, *(u64 *)instance->data);                                      \
		return 0;                                                                  \
	}
ENDS(0)
ENDS(1)
ENDS(2)
ENDS(3)

static const kretprobe_handler_t ends[MOST] = { ends_0, ends_1, ends_2, ends_3 };

static void stop(int index)
{
	while (index--)
		unregister_kretprobe(&probes[index]);
}

static int __init stopwatch_init(void)
{
	int i, ret;

	for (i = 0; i < nr; i++) {
		probes[i].kp.symbol_name = at[i];
		probes[i].entry_handler = begins;
		probes[i].handler = ends[i];
		probes[i].data_size = sizeof(u64);
		probes[i].maxactive = 16;
		ret = register_kretprobe(&probes[i]);
		if (ret) {
			pr_err("stopwatch: %s: %d\n", at[i], ret);
			stop(i);
			return ret;
		}
	}
	return 0;
}

static void __exit stopwatch_exit(void)
{
	stop(nr);
}

module_init(stopwatch_init);
module_exit(stopwatch_exit);
MODULE_DESCRIPTION("Counts calls of functions and their time");
MODULE_LICENSE("GPL");
