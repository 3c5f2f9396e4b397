// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holds the first process that comes to a function of the kernel on a processor, at its start or at its end, until it is told to let
 * go: for what else may happen at that moment. The processor does nothing else meanwhile, and may have its interrupts off.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>

#define LIMIT_MS 20000

static char at[64];
module_param_string(at, at, sizeof(at), 0444);
MODULE_PARM_DESC(at, "the function");
static bool end;
module_param(end, bool, 0444);
MODULE_PARM_DESC(end, "at its end");
static int processor = 1;
module_param(processor, int, 0444);
static bool go;
module_param(go, bool, 0644);
MODULE_PARM_DESC(go, "lets the process go");
static int held;
module_param(held, int, 0444);
MODULE_PARM_DESC(held, "0: nobody came; 1: held; 2: let go; 3: let go by the time limit");

static atomic_t taken;

static void hold(void)
{
	int ms;

	if (raw_smp_processor_id() != processor || !current->mm || atomic_xchg(&taken, 1))
		return;
	WRITE_ONCE(held, 1);
	for (ms = 0; ms < LIMIT_MS && !READ_ONCE(go); ms++)
		mdelay(1);
	WRITE_ONCE(held, READ_ONCE(go) ? 2 : 3);
}

static int hold_start(struct kprobe *probe, struct pt_regs *regs)
{
	hold();
	return 0;
}

static int hold_end(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	hold();
	return 0;
}

static struct kprobe start_probe = {
	.symbol_name = at,
	.pre_handler = hold_start,
};

static struct kretprobe end_probe = {
	.kp.symbol_name = at,
	.handler = hold_end,
	.maxactive = 16,
};

static int __init hold_init(void)
{
	return end ? register_kretprobe(&end_probe) : register_kprobe(&start_probe);
}

static void __exit hold_exit(void)
{
	if (end)
		unregister_kretprobe(&end_probe);
	else
		unregister_kprobe(&start_probe);
}

module_init(hold_init);
module_exit(hold_exit);
MODULE_DESCRIPTION("Holds a process at a function");
MODULE_LICENSE("GPL");
